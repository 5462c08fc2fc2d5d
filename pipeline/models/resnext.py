"""ResNeXt (Xie et al., "Aggregated Residual Transformations for Deep Neural Networks", 2016), which Keras lacks.

Written in the style of keras.applications.resnet, with its layer names, so that the two read and freeze alike.
"""

from __future__ import annotations

from typing import Any

import keras

# 32x4d, the paper's table 1: 32 groups of 4 channels in the first stage, twice as many in each further one.
_GROUPS = 32
_FIRST_STAGE_FILTERS = 128

_BLOCKS = {"ResNeXt50": (3, 4, 6, 3), "ResNeXt101": (3, 4, 23, 3)}

_EPSILON = 1.001e-5


def resnext(name: str, pixel_shape: tuple[int, int, int]) -> keras.Model:
    """ResNeXt50 or ResNeXt101 (32x4d) below its head: `[N, H, W, C]` to `[N, h, w, 2048]`."""
    pixels = keras.Input(pixel_shape, name="pixels")
    x = keras.layers.ZeroPadding2D(3, name="conv1_pad")(pixels)
    x = keras.layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
    x = _norm_and_relu(x, "conv1")
    x = keras.layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = keras.layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, blocks in enumerate(_BLOCKS[name]):
        filters = _FIRST_STAGE_FILTERS * 2**stage
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            x = _block(x, filters, stride, shortcut=block == 0, name=f"conv{stage + 2}_block{block + 1}")
    return keras.Model(pixels, x)


def _block(x: Any, filters: int, stride: int, *, shortcut: bool, name: str) -> Any:
    """1x1, grouped 3x3, 1x1 convolutions beside a shortcut, which is a 1x1 convolution where the shape changes."""
    beside = x
    if shortcut:
        beside = keras.layers.Conv2D(2 * filters, 1, strides=stride, use_bias=False, name=f"{name}_0_conv")(x)
        beside = keras.layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_0_bn")(beside)
    x = keras.layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(x)
    x = _norm_and_relu(x, f"{name}_1")
    # The stride is here, as in the authors' code and in torchvision, and padding is symmetric: their weights fit.
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = keras.layers.Conv2D(filters, 3, strides=stride, groups=_GROUPS, use_bias=False, name=f"{name}_2_conv")(x)
    x = _norm_and_relu(x, f"{name}_2")
    x = keras.layers.Conv2D(2 * filters, 1, use_bias=False, name=f"{name}_3_conv")(x)
    x = keras.layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_3_bn")(x)
    x = keras.layers.Add(name=f"{name}_add")([beside, x])
    return keras.layers.Activation("relu", name=f"{name}_out")(x)


def _norm_and_relu(x: Any, name: str) -> Any:
    x = keras.layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_bn")(x)
    return keras.layers.Activation("relu", name=f"{name}_relu")(x)
