"""Losses by task, and how much each class counts."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Literal

import keras

from darkroom.configuration.training_section import TrainingSection
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.models.output_check import LINEAR, loss_kind, output_activation
from pipeline.models.target_scale import TargetScale
from pipeline.training.label_form import Encoding

ClassWeights = Literal["balanced"] | Mapping[str, float] | None

_ONE_HOT_LOSSES = ("categorical_crossentropy", "categorical_focal_crossentropy")


@keras.saving.register_keras_serializable("darkroom")
class StandardizedSquaredError(keras.losses.Loss):
    """Squared errors in deviations of the targets: 1 is what always answering their mean gives, in any unit."""

    def __init__(self, deviation: float, name: str = "standardized_squared_error", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.deviation = deviation

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """`[N, 1]` targets and predictions to `[N]`."""
        return keras.losses.mean_squared_error(y_true / self.deviation, y_pred / self.deviation)

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return super().get_config() | {"deviation": self.deviation}


def build_loss(
    task: Task, section: TrainingSection, model: keras.Model, scale: TargetScale | None = None
) -> keras.losses.Loss:
    """The loss that fits the task, the last layer and the configuration; of a regression also the targets' scale."""
    logits = output_activation(model) == LINEAR
    smoothing = section.label_smoothing
    if task is Task.REGRESSION:
        return StandardizedSquaredError((scale or TargetScale()).deviation)
    if int(model.output_shape[-1]) == 1:
        return keras.losses.BinaryCrossentropy(from_logits=logits, label_smoothing=smoothing)
    if smoothing or section.augmentation.mixes_labels:
        return keras.losses.CategoricalCrossentropy(from_logits=logits, label_smoothing=smoothing)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


def wanted_encoding(model: keras.Model) -> Encoding:
    """In which form a compiled model's loss takes its labels."""
    if int(model.output_shape[-1]) == 1:
        return Encoding.COLUMN
    return Encoding.ONE_HOT if loss_kind(model) in _ONE_HOT_LOSSES else Encoding.IDS


def class_weight_vector(
    wanted: ClassWeights, labels: tuple[str, ...], counts: Mapping[str, int]
) -> tuple[float, ...] | None:
    """How much an image of each class counts in the loss, in id order; None when all count the same.

    `balanced` is scikit-learn's: images / (classes · images of the class), so that the mean over all images is 1.

    Args:
        wanted: `training.class_weights`.
        labels: class names in id order.
        counts: training images of each class.

    Raises:
        ConfigurationError: a weight for a class that does not exist.
    """
    if wanted is None:
        return None
    if wanted == "balanced":
        total = sum(counts.get(label, 0) for label in labels)
        return tuple(total / (len(labels) * max(counts.get(label, 0), 1)) for label in labels)
    unknown = sorted(set(wanted) - set(labels))
    if unknown:
        near = difflib.get_close_matches(unknown[0], labels, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" The classes are {', '.join(labels)}."
        raise ConfigurationError(f"training.class_weights: there is no class {unknown[0]!r}.{hint}")
    return tuple(float(wanted.get(label, 1.0)) for label in labels)


def describe_loss(model: keras.Model) -> dict[str, Any]:
    """The loss for the run's description: its name and, where Keras knows them, its options."""
    options = model.loss.get_config() if isinstance(model.loss, keras.losses.Loss) else {}
    return {"name": loss_kind(model)} | {
        key: value for key, value in options.items() if key in ("from_logits", "label_smoothing", "deviation")
    }
