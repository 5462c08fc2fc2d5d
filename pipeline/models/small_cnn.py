"""The small convolutional network, every part of which is configuration."""

from __future__ import annotations

import keras

from darkroom.configuration.model_section import SmallCnnSection

# Keras's 0.99 remembers hundreds of steps. A small data set has a dozen an epoch: the moving averages would lag epochs
# behind the weights, and the eval loss would stop training for the wrong reason.
_NORM_MOMENTUM = 0.9


def small_cnn(pixel_shape: tuple[int, int, int], section: SmallCnnSection) -> keras.Model:
    """Blocks of convolutions with batch norm and activation, max pooling after each while there is room.

    Args:
        pixel_shape: `(H, W, C)`.
        section: blocks, filters and the rest.

    Returns:
        `[N, H, W, C]` to feature maps `[N, h, w, F]`.
    """
    pixels = keras.Input(pixel_shape, name="pixels")
    x = pixels
    for number, filters in enumerate(section.block_filters, start=1):
        for layer in range(1, section.convolutions + 1):
            x = keras.layers.Conv2D(
                filters,
                section.kernel_size,
                padding="same",
                use_bias=not section.batch_norm,
                name=f"block{number}_conv{layer}",
            )(x)
            if section.batch_norm:
                x = keras.layers.BatchNormalization(momentum=_NORM_MOMENTUM, name=f"block{number}_norm{layer}")(x)
            x = keras.layers.Activation(section.activation, name=f"block{number}_activation{layer}")(x)
        if min(x.shape[1], x.shape[2]) >= 2:
            x = keras.layers.MaxPooling2D(name=f"block{number}_pool")(x)
        if section.dropout:
            x = keras.layers.SpatialDropout2D(section.dropout, name=f"block{number}_dropout")(x)
    return keras.Model(pixels, x)
