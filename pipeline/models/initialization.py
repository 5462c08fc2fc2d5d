"""How kernels are drawn before training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from darkroom.configuration.model_section import Initializer

# The shares that keras.initializers.VarianceScaling takes for each name: scale, fan, distribution.
_VARIANCE_SCALING: dict[str, tuple[float, str, str]] = {
    "he_normal": (2.0, "fan_in", "truncated_normal"),
    "he_uniform": (2.0, "fan_in", "uniform"),
    "glorot_normal": (1.0, "fan_avg", "truncated_normal"),
    "glorot_uniform": (1.0, "fan_avg", "uniform"),
}


def initialize(model: keras.Model, initializer: Initializer, *, relu: bool) -> None:
    """Draws the kernels of all convolutions and dense layers anew.

    keras.applications draws them Glorot-uniform, which was derived for tanh; behind a ReLU half of the variance is
    lost in each layer, and He-normal makes up for it (He et al. 2015).

    Args:
        model: its other weights stay as they are.
        initializer: `auto` is He-normal for ReLU networks, and leaves others as their authors drew them.
        relu: whether the network's activations are ReLUs.
    """
    if initializer == "auto":
        if not relu:
            return
        initializer = "he_normal"
    for kernel, depthwise in _kernels(model):
        kernel.assign(_draw(initializer, kernel.shape, depthwise=depthwise))


def _kernels(model: keras.Model) -> Iterator[tuple[Any, bool]]:
    """Each kernel, and whether it convolves channel by channel."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _kernels(layer)
        elif isinstance(layer, keras.layers.SeparableConv2D):
            yield layer.depthwise_kernel, True
            yield layer.pointwise_kernel, False
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            yield layer.kernel, True
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            yield layer.kernel, False


def _draw(initializer: str, shape: tuple[int, ...], *, depthwise: bool) -> Any:
    scale, fan, distribution = _VARIANCE_SCALING[initializer]
    if depthwise:
        # Keras counts all input channels into the fan, but each output of a depthwise kernel sees one.
        channels, multiplier = shape[-2:]
        scale *= channels if fan == "fan_in" else (channels + multiplier) / (1 + multiplier)
    # Without a seed it takes one from Python's generator, which keras.utils.set_random_seed has set.
    return keras.initializers.VarianceScaling(scale=scale, mode=fan, distribution=distribution)(shape)
