"""Which layers of a network learn."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from darkroom.errors import ConfigurationError
from pipeline.models.network import Network


class Freezing:
    """Freezes layers of a network, and gives them back as they were built.

    A frozen BatchNormalization runs in inference mode and keeps its averages: that is Keras's own rule. A change takes
    effect when the model is compiled again.
    """

    def __init__(self, network: Network) -> None:
        """Takes a network, and remembers which of its layers learn; one of the user's own may have frozen some."""
        self._network = network
        self._built = [(layer, layer.trainable) for layer in _with_layers_inside(network.model)]

    def thaw(self) -> None:
        """All layers as they were built.

        One by one: `model.trainable = True` does nothing on a model that is trainable while layers inside it are not.
        """
        for layer, trainable in self._built:
            layer.trainable = trainable

    def head_only(self) -> None:
        """The base is frozen.

        Raises:
            ConfigurationError: the network has no base.
        """
        if self._network.base is None:
            raise ConfigurationError(
                "The recipe freezes the base, but the model has no layer named 'base'; name the part below the head "
                "so, as keras.Model(..., name='base'), or choose training.recipe.name scratch"
            )
        self.thaw()
        self._network.base.trainable = False

    def head_and_top(self, groups: int) -> None:
        """All but the head and this many convolutional groups, counted from the top, is frozen."""
        self.thaw()
        for group in self._network.groups[: len(self._network.groups) - groups]:
            group.set_trainable(False)


def _with_layers_inside(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """A layer and all that are in it, the outer ones first."""
    yield layer
    for inner in getattr(layer, "layers", ()):
        yield from _with_layers_inside(inner)
