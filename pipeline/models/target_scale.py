"""A regression's targets in numbers that a network learns well."""

from __future__ import annotations

from dataclasses import dataclass

import keras

STANDARDIZED = "standardized"


@dataclass(frozen=True, slots=True)
class TargetScale:
    """Mean and deviation of the training targets.

    Inside, the network predicts standardized targets, of mean 0 and deviation 1, whatever their unit: learning rates
    and initial weights are made for such. Outside, it speaks in the targets' own unit.

    Attributes:
        mean, deviation: of the targets; the deviation is above 0.
    """

    mean: float = 0.0
    deviation: float = 1.0


def move_scale(theirs: keras.Model, ours: keras.Model) -> None:
    """Makes a network that took another's weights give the same values although its targets' scale is another.

    Args:
        theirs: the network that the weights come from.
        ours: of the same architecture, with these weights.
    """
    layers = [{layer.name: layer for layer in model.layers} for model in (theirs, ours)]
    if any(STANDARDIZED not in found for found in layers):
        return  # of the user's own
    (mean, deviation), (own_mean, own_deviation) = (_scale(found["value"]) for found in layers)
    kernel, bias = layers[1][STANDARDIZED].get_weights()
    layers[1][STANDARDIZED].set_weights(
        [kernel * (deviation / own_deviation), (bias * deviation + mean - own_mean) / own_deviation]
    )


def _scale(layer: keras.layers.Rescaling) -> tuple[float, float]:
    return float(layer.offset), float(layer.scale)
