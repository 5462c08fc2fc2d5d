"""A base's layers in convolutional groups, from the stem to the top, as they are unfrozen."""

from __future__ import annotations

import re
from dataclasses import dataclass

import keras

from pipeline.models.zoo import Architecture


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """Consecutive layers that freeze and unfreeze together.

    Attributes:
        name: the stage, as the layers' names have it.
        layers: in the order in which pixels pass them.
    """

    name: str
    layers: tuple[keras.layers.Layer, ...]

    def set_trainable(self, trainable: bool) -> None:
        """Freezes or unfreezes. A frozen BatchNormalization runs in inference mode: that is Keras's own rule."""
        for layer in self.layers:
            layer.trainable = trainable


def convolutional_groups(base: keras.Model, known: Architecture) -> tuple[LayerGroup, ...]:
    """The groups of a base, stem first; every layer is in exactly one.

    A group ends with the last layer that bears its stage's name; layers without a stage in their names, such as
    InceptionV3's, belong to the group that ends next. What follows the last group's end belongs to that group.
    """
    ends: dict[str, int] = {}
    for index, layer in enumerate(base.layers):
        match = re.match(known.family.stages, layer.name)
        if match is not None and match.lastindex is not None:
            ends[match.group(match.lastindex)] = index
    groups: list[LayerGroup] = []
    start = 0
    in_order = sorted(ends.items(), key=lambda item: item[1])
    for name, end in in_order:
        stop = end + 1 if (name, end) != in_order[-1] else len(base.layers)
        groups.append(LayerGroup(name, tuple(base.layers[start:stop])))
        start = stop
    return tuple(groups)
