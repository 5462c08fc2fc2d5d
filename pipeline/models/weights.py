"""Loading weights into a base."""

from __future__ import annotations

import keras
import numpy as np

from darkroom.errors import ConfigurationError
from pipeline.models.base import BASE, keras_application
from pipeline.models.weights_source import WeightsSource

# keras.applications.efficientnet: ImageNet's deviations stand in its normalisation layer where variances belong, and a
# further layer, which exists with `weights="imagenet"` alone, makes up for it.
_EFFICIENTNET_DEVIATIONS = (0.229, 0.224, 0.225)

# Keras has their weights for images of several sizes and takes the size that is asked for, if it is one of these; all
# others were trained in one size.
_TRAINED_IN_SIZES = ("MobileNet", "MobileNetV2")


def load_weights(base: keras.Model, architecture: str, source: WeightsSource) -> None:
    """Puts pretrained weights into a base of the same architecture.

    Args:
        base: from `build_base`; of any image size.
        architecture: its name.
        source: a `.keras` file holds a base or a whole network of Darkroom, whose base is taken; other files hold the
            weights of a base, such as the `no_top` files of keras.applications.

    Raises:
        ConfigurationError: the weights do not fit, or cannot be downloaded.
    """
    if source.kind == "imagenet":
        copy_weights(_published(architecture, base.input_shape[1:]), base, source.name)
    elif str(source.path).endswith(".keras"):
        copy_weights(base_in(keras.models.load_model(source.path, compile=False)), base, source.name)
    else:
        try:
            base.load_weights(source.path)
        except (ValueError, KeyError, OSError) as error:
            raise ConfigurationError(
                f"model.weights {source.name} do not fit the base of {architecture} for {base.input_shape[1:]} pixels: "
                f"{error}"
            ) from error
    _finish_normalization(base)


def _published(architecture: str, pixel_shape: tuple[int, int, int]) -> keras.Model:
    """A base as keras.applications publishes it, of the image size that was trained and comes nearest to ours."""
    size = {"input_shape": pixel_shape} if architecture in _TRAINED_IN_SIZES else {}
    try:
        return keras_application(architecture)(include_top=False, weights="imagenet", **size)
    except Exception as error:
        # keras.utils.get_file has no exception of its own.
        if "URL fetch failure" not in str(error):
            raise
        raise ConfigurationError(
            f"model.weights imagenet: the weights of {architecture} could not be downloaded ({error}). Without a way "
            "to the internet, put the file that this address names into ~/.keras/models ($KERAS_HOME/models), where "
            "Keras looks first, or give its path as model.weights."
        ) from error


def base_in(model: keras.Model) -> keras.Model:
    """The base of a whole network, or the model itself when it is one."""
    return next((layer for layer in model.layers if layer.name == BASE and isinstance(layer, keras.Model)), model)


def copy_weights(source: keras.Model, target: keras.Model, name: str) -> None:
    """Copies the weights of every layer, in order.

    Raises:
        ConfigurationError: the layers are not the same; the message names the first that differs.
    """
    theirs = [layer for layer in source.layers if layer.weights]
    ours = [layer for layer in target.layers if layer.weights]
    for one, other in zip(theirs, ours, strict=False):
        shapes, wanted = ([tuple(weight.shape) for weight in layer.weights] for layer in (one, other))
        if shapes != wanted:
            raise ConfigurationError(
                f"model.weights {name} do not fit: layer {other.name} has weights of the shapes {wanted}, and theirs "
                f"({one.name}) have {shapes}. Check model.architecture, its options, and preprocessing.channels."
            )
    if len(theirs) != len(ours):
        raise ConfigurationError(
            f"model.weights {name} do not fit: they have {len(theirs)} layers with weights, the base has {len(ours)}. "
            "Check model.architecture and its options."
        )
    for one, other in zip(theirs, ours, strict=True):
        other.set_weights(one.get_weights())


def _finish_normalization(base: keras.Model) -> None:
    for layer in base.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            mean, variance, count = layer.get_weights()
            if np.allclose(variance, _EFFICIENTNET_DEVIATIONS, atol=1e-4):
                layer.set_weights([mean, np.square(variance), count])
            # What the layer applies is derived from its weights, and only on demand.
            layer.finalize_state()
