"""How labels reach the loss."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import tensorflow as tf


class Encoding(Enum):
    """What a loss takes."""

    # `[N]`, as examples have them.
    IDS = auto()
    # `[N, K]` float32.
    ONE_HOT = auto()
    # `[N, 1]` float32, as a network with one output unit gives its predictions: targets, or the positive class's share.
    COLUMN = auto()


@dataclass(frozen=True, slots=True)
class LabelForm:
    """The form of labels, and how much each counts.

    Attributes:
        n_classes: how many classes there are; 0 in a regression.
        encoding: what the loss takes.
        weights: how much an image of each class counts; with them, batches have sample weights as a third part.
    """

    n_classes: int
    encoding: Encoding = Encoding.IDS
    weights: tuple[float, ...] | None = None

    def encode(self, labels: tf.Tensor) -> tf.Tensor:
        """Labels `[N]` as examples have them in the form that the loss takes."""
        if self.encoding is Encoding.ONE_HOT:
            return tf.one_hot(labels, self.n_classes)
        return tf.cast(labels, tf.float32)[:, tf.newaxis] if self.encoding is Encoding.COLUMN else labels

    def weigh(self, encoded: tf.Tensor) -> tf.Tensor:
        """Sample weights `[N]`; a mixed image counts as its labels do, in their shares."""
        weights = tf.constant(self.weights, tf.float32)
        if self.encoding is Encoding.ONE_HOT:
            return tf.linalg.matvec(encoded, weights)
        if self.encoding is Encoding.COLUMN:
            return weights[0] + (weights[1] - weights[0]) * encoded[:, 0]
        return tf.gather(weights, encoded)
