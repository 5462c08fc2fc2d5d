"""The commented darkroom.yaml that `darkroom init` writes."""

from __future__ import annotations

import json
import re

from darkroom.configuration.survey import Survey

# Sides that halve well; the smallest one that does not shrink the median image is taken.
_MODEL_SIDES = (16, 32, 64, 96, 128, 160, 192, 224)

# A model that always answers the commonest class reaches its share; a useful one is well above.
_MARGIN_OVER_MAJORITY = 0.1


def starter_configuration(survey: Survey, images: str, name: str | None) -> str:
    """The text of a configuration that fits what was seen.

    Args:
        survey: of the images.
        images: their folder, as it is to stand in the file.
        name: the model's name; derived from the folder's name when not given.
    """
    side = next((side for side in _MODEL_SIDES if side >= survey.median_side), _MODEL_SIDES[-1])
    channels = 1 if survey.all_grey else 3
    total = sum(survey.counts.values())
    majority = max(survey.counts.values()) / max(total, 1)
    accuracy = round(min(majority + _MARGIN_OVER_MAJORITY, (1 + majority) / 2), 2)
    colour = "all images seen are grey" if survey.all_grey else "colour"
    classes = "".join(f"\n    - {_quoted(label)}  # {count:,} files" for label, count in survey.counts.items())
    return f"""\
# Darkroom: everything a run depends on. Every key that is not here has its default;
# docs/configuration.md explains them all, and `darkroom config check` prints them.

data:
  # A folder with one folder of images for each class ({total:,} files).
  images: {_quoted(images)}
  # In the order of their ids. A folder that is not listed is an error.
  classes:{classes}
  # Shares held out, of each class alike. An image that has its split keeps it in later runs.
  splits:
    eval: 0.1   # watched during training, for early stopping
    test: 0.2   # judges the finished model
  max_quarantined: 0.01   # more bad files than this share end the run

# The same graph runs in training and inside the served model.
preprocessing:
  version: "1"
  height: {side}   # the median image's longer side has {survey.median_side} pixels
  width: {side}
  channels: {channels}   # {colour}
  mode: pad            # pad keeps the whole image; or center_crop, stretch
  # scaling: standardize   # with mean and deviation of the training images; pretrained weights bring their own

model:
  name: {_quoted(name or _model_name(survey))}
  architecture: small_cnn   # or any model in keras.applications: MobileNetV2, EfficientNetV2B0, ResNet50, ...
  dropout: 0.3

training:
  epochs: 30            # at most; early stopping usually ends sooner
  batch_size: 64
  learning_rate: 0.001
  distribution:
    strategy: one_device  # or mirrored: all GPUs of this machine; or multi_worker, tpu

# The gate: a model that does not pass is not pushed.
evaluation:
  min_accuracy: {accuracy}      # always answering the commonest class reaches {majority:.2f}
  max_accuracy_drop: 0.01  # against the latest blessed model, on the same test images

# Blessed models become <repository>/<model name>/<version>/.
push:
  repository: models
"""


def _model_name(survey: Survey) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", survey.root.resolve().name).strip("-_.")
    return name[:63] or "model"


def _quoted(text: str) -> str:
    # JSON's quoting is YAML's double-quoted style.
    return json.dumps(text, ensure_ascii=False)
