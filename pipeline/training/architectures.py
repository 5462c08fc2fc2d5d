"""The networks: a small CNN of our own, and every model of keras.applications by name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

import keras

from darkroom.configuration.sections import ModelSection, SmallCnnSection
from darkroom.errors import ConfigurationError

SMALL_CNN = "small_cnn"

# Keras's 0.99 remembers hundreds of steps. A small data set has a dozen an epoch: the moving averages would lag epochs
# behind the weights, and the eval loss would stop training for the wrong reason.
_NORM_MOMENTUM = 0.9


def keras_application_names() -> list[str]:
    """Names of the model functions in keras.applications."""
    return sorted(
        name
        for name, value in vars(keras.applications).items()
        if inspect.isfunction(value) and "include_top" in inspect.signature(value).parameters
    )


def build_classifier(section: ModelSection, pixel_shape: tuple[int, int, int], n_classes: int) -> keras.Model:
    """A network from pixels to class probabilities.

    Args:
        section: architecture and its options.
        pixel_shape: `(H, W, C)` of the preprocessed images.
        n_classes: width of the softmax output.

    Returns:
        A model `[N, H, W, C] float32 -> [N, n_classes] float32`, the output in float32 under any precision policy.

    Raises:
        ConfigurationError: no such architecture, or it does not take images of this shape.
    """
    pixels = keras.Input(pixel_shape, name="pixels")
    if section.architecture == SMALL_CNN:
        encoded = _small_cnn(pixels, section.small_cnn)
    else:
        backbone = _application(section.architecture)
        try:
            base = backbone(include_top=False, weights=None, input_shape=pixel_shape, pooling="avg")
        except ValueError as error:
            raise ConfigurationError(
                f"model.architecture {section.architecture} cannot take images of {pixel_shape[0]}x{pixel_shape[1]} "
                f"pixels with {pixel_shape[2]} channels: {error} Change preprocessing.height, width or channels."
            ) from error
        encoded = base(pixels)
    encoded = keras.layers.Dropout(section.dropout, name="head_dropout")(encoded)
    probabilities = keras.layers.Dense(n_classes, activation="softmax", dtype="float32", name="probabilities")(encoded)
    return keras.Model(pixels, probabilities, name=section.architecture.lower())


def _application(name: str) -> Callable[..., keras.Model]:
    names = keras_application_names()
    if name not in names:
        near = difflib.get_close_matches(name, [*names, SMALL_CNN], n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]}?" if near else f" Known: {SMALL_CNN}, {', '.join(names)}."
        raise ConfigurationError(f"model.architecture: there is no {name!r}.{hint}")
    application: Callable[..., keras.Model] = getattr(keras.applications, name)
    return application


def _small_cnn(pixels: Any, section: SmallCnnSection) -> Any:
    """Blocks of two 3x3 convolutions with batch norm and ReLU, max pooling between them while there is room."""
    x = pixels
    for block, filters in enumerate(section.filters):
        for layer in range(2):
            x = keras.layers.Conv2D(
                filters,
                3,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
                name=f"block{block + 1}_conv{layer + 1}",
            )(x)
            x = keras.layers.BatchNormalization(momentum=_NORM_MOMENTUM, name=f"block{block + 1}_norm{layer + 1}")(x)
            x = keras.layers.ReLU(name=f"block{block + 1}_relu{layer + 1}")(x)
        if min(x.shape[1], x.shape[2]) >= 2:
            x = keras.layers.MaxPooling2D(name=f"block{block + 1}_pool")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    if section.dense_units:
        x = keras.layers.Dense(
            section.dense_units, activation="relu", kernel_initializer="he_normal", name="head_dense"
        )(x)
    return x
