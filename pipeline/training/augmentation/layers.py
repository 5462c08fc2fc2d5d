"""The configured changes as Keras's layers."""

from __future__ import annotations

from typing import Any

import keras

from darkroom.configuration.augmentation_section import AugmentationSection
from darkroom.errors import ConfigurationError
from preprocessing.spec import PreprocessingSpec

_LEVELS = (0, 255)


def image_layers(section: AugmentationSection, spec: PreprocessingSpec) -> list[Any]:
    """Layers for `[N, H, W, C]` levels 0..255, geometry before colour, erasing last.

    Raises:
        ConfigurationError: a colour change for grey images.
    """
    # Whatever the precision policy of the network, the layers compute in float32.
    common: dict[str, Any] = {"dtype": "float32"}
    moved = common | fill_options(section, spec)
    coloured = common | {"value_range": _LEVELS}
    found: list[Any] = []
    if section.flip != "none":
        mode = "horizontal_and_vertical" if section.flip == "both" else section.flip
        found.append(keras.layers.RandomFlip(mode, **common))
    if section.rotation:
        found.append(keras.layers.RandomRotation(section.rotation / 360, **moved))
    if section.zoom:
        found.append(keras.layers.RandomZoom(section.zoom, **moved))
    if section.translation:
        found.append(keras.layers.RandomTranslation(section.translation, section.translation, **moved))
    if section.brightness:
        found.append(keras.layers.RandomBrightness(section.brightness, **coloured))
    if section.contrast:
        found.append(keras.layers.RandomContrast(section.contrast, **coloured))
    if section.hue:
        if spec.channels != 3:
            raise ConfigurationError(
                "training.augmentation.hue turns colours, but preprocessing.channels is 1; set hue to 0"
            )
        found.append(keras.layers.RandomHue(section.hue, **coloured))
    if section.erasing:
        found.append(keras.layers.RandomErasing(section.erasing, scale=section.erasing_area, **coloured))
    return found


def fill_options(section: AugmentationSection, spec: PreprocessingSpec) -> dict[str, Any]:
    """What Keras's geometric layers put where the image was moved away."""
    if section.fill == "pad":
        return {"fill_mode": "constant", "fill_value": float(spec.pad_value)}
    return {"fill_mode": section.fill}
