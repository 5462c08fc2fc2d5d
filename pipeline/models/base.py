"""A network below its head, by name."""

from __future__ import annotations

from collections.abc import Callable

import keras

from darkroom.configuration.model_section import ModelSection
from darkroom.errors import ConfigurationError
from pipeline.models.initialization import initialize
from pipeline.models.resnext import resnext
from pipeline.models.small_cnn import small_cnn
from pipeline.models.zoo import SMALL_CNN, Architecture, architecture

# The name by which the base is found inside a whole network.
BASE = "base"


def build_base(section: ModelSection, pixel_shape: tuple[int, int, int]) -> keras.Model:
    """The network below its head, with weights drawn at random.

    Args:
        section: architecture and its options.
        pixel_shape: `(H, W, C)` of the preprocessed images.

    Returns:
        A model named `base`, `[N, H, W, C]` to feature maps `[N, h, w, F]`.

    Raises:
        ConfigurationError: no such architecture, or it does not take images of this shape.
    """
    known = architecture(section.architecture)
    _check_size(known, pixel_shape)
    if known.name == SMALL_CNN:
        built = small_cnn(pixel_shape, section.small_cnn)
    elif not known.family.keras:
        built = resnext(known.name, pixel_shape)
    else:
        try:
            built = keras_application(known.name)(include_top=False, weights=None, input_shape=pixel_shape)
        except ValueError as error:
            raise ConfigurationError(
                f"model.architecture {known.name} cannot be built for images of {_shape(pixel_shape)}: {error}"
            ) from error
    initialize(built, section.initializer, relu=has_relu(section))
    return keras.Model(built.input, built.output, name=BASE)


def has_relu(section: ModelSection) -> bool:
    """Whether the network's activations are of ReLU's kind, for which He-normal kernels were derived."""
    known = architecture(section.architecture)
    if known.name == SMALL_CNN:
        return section.small_cnn.activation in ("relu", "leaky_relu", "elu", "gelu", "silu")
    return known.family.relu


def keras_application(name: str) -> Callable[..., keras.Model]:
    """The function of keras.applications that builds this architecture."""
    function: Callable[..., keras.Model] = getattr(keras.applications, name)
    return function


def _check_size(known: Architecture, pixel_shape: tuple[int, int, int]) -> None:
    if min(pixel_shape[:2]) < known.smallest_input:
        raise ConfigurationError(
            f"model.architecture {known.name} cannot take images of {_shape(pixel_shape)}: its smallest input is "
            f"{known.smallest_input}x{known.smallest_input}. Raise preprocessing.height and width, or choose another "
            "architecture ('darkroom models zoo')."
        )


def _shape(pixel_shape: tuple[int, int, int]) -> str:
    height, width, channels = pixel_shape
    return f"{height}x{width} pixels with {channels} channels"
