"""From feature maps to the prediction."""

from __future__ import annotations

from typing import Any

import keras

from darkroom.configuration.model_section import ModelSection
from darkroom.task import Task
from pipeline.models.base import has_relu
from pipeline.models.target_scale import STANDARDIZED, TargetScale
from pipeline.models.zoo import SMALL_CNN

_ANY_RATE = 0.5


def add_head(features: Any, section: ModelSection, task: Task, n_classes: int, scale: TargetScale | None = None) -> Any:
    """Pooling, the small CNN's dense layer, dropout, output.

    Args:
        features: symbolic feature maps `[N, h, w, F]`.
        section: pooling, dropout and the rest.
        task: decides width and activation of the output.
        n_classes: how many classes there are.
        scale: of a regression's targets.

    Returns:
        `[N, units] float32`, under any precision policy.
    """
    pooling: dict[str, type[keras.layers.Layer]] = {
        "avg": keras.layers.GlobalAveragePooling2D,
        "max": keras.layers.GlobalMaxPooling2D,
        "flatten": keras.layers.Flatten,
    }
    x = pooling[section.pooling](name="head_pool")(features)
    if section.architecture == SMALL_CNN and section.small_cnn.dense_units:
        drawn = section.initializer
        if drawn == "auto":
            drawn = "he_normal" if has_relu(section) else "glorot_uniform"
        x = keras.layers.Dense(
            section.small_cnn.dense_units,
            activation=section.small_cnn.activation,
            kernel_initializer=drawn,
            name="head_dense",
        )(x)
    # Built with a rate above zero, without which Keras gives it no random state: recipes may raise the rate later.
    dropout = keras.layers.Dropout(section.dropout or _ANY_RATE, name="head_dropout")
    dropout.rate = section.dropout
    x = dropout(x)
    if task is Task.REGRESSION:
        scale = scale or TargetScale()
        x = keras.layers.Dense(1, dtype="float32", name=STANDARDIZED)(x)
        return keras.layers.Rescaling(scale.deviation, scale.mean, dtype="float32", name=task.output_name)(x)
    return keras.layers.Dense(
        task.units(n_classes), activation=task.activation, dtype="float32", name=task.output_name
    )(x)
