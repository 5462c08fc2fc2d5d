"""A whole network: a base, and a head for the task."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from darkroom.configuration.model_section import ModelSection
from darkroom.task import Task
from pipeline.models.base import BASE, build_base
from pipeline.models.groups import LayerGroup, convolutional_groups
from pipeline.models.head import add_head
from pipeline.models.target_scale import TargetScale
from pipeline.models.zoo import architecture


@dataclass(frozen=True, slots=True)
class Network:
    """A network and its parts, for recipes that freeze some of them.

    Attributes:
        model: `[N, H, W, C] float32` pixels to the prediction.
        base: the part below the head, a layer of `model`; None in a network of the user's own that has no layer named
            `base`.
        groups: the base's convolutional groups, stem first; empty where they are not known.
    """

    model: keras.Model
    base: keras.Model | None
    groups: tuple[LayerGroup, ...]

    @property
    def head(self) -> tuple[keras.layers.Layer, ...]:
        """The layers of `model` that are not in the base."""
        return tuple(layer for layer in self.model.layers if layer is not self.base)


def build_network(
    section: ModelSection,
    pixel_shape: tuple[int, int, int],
    task: Task,
    n_classes: int,
    scale: TargetScale | None = None,
) -> Network:
    """The configured network, its weights drawn at random.

    Args:
        section: architecture and head.
        pixel_shape: `(H, W, C)` of the preprocessed images.
        task: decides about the output.
        n_classes: how many classes there are; a regression has none.
        scale: of a regression's targets.

    Raises:
        ConfigurationError: no such architecture, or it does not take images of this shape.
    """
    base = build_base(section, pixel_shape)
    pixels = keras.Input(pixel_shape, name="pixels")
    prediction = add_head(base(pixels), section, task, n_classes, scale)
    model = keras.Model(pixels, prediction, name=section.architecture.lower())
    return Network(model, base, convolutional_groups(base, architecture(section.architecture)))


def network_of(model: keras.Model) -> Network:
    """A network of the user's own; a layer named `base` in it is what recipes freeze and weights are copied to."""
    base = next((layer for layer in model.layers if layer.name == BASE and isinstance(layer, keras.Model)), None)
    return Network(model, base, ())
