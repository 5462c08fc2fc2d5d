"""Keras's random layers, made to draw from a seed that the caller gives."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class StatelessSeeds(keras.random.SeedGenerator):
    """Seeds derived from one seed tensor, in order.

    Keras's own generator keeps its state in a variable. In a parallel tf.data map the order in which batches reach it
    is chance, and after a restart it begins anew; seeds derived from the batch's position are the same in both.
    """

    def __init__(self, seed: tf.Tensor) -> None:
        """Takes the seed. The base's constructor would make the variable, and is left out on purpose.

        Args:
            seed: `[2]` int32.
        """
        self._seed = seed
        self._drawn = 0

    def next(self, ordered: bool = True) -> tf.Tensor:
        """The next seed, `[2]` int32."""
        self._drawn += 1
        return tf.random.experimental.stateless_fold_in(self._seed, self._drawn)


def transform(layer: Any, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Applies an image layer of Keras to `[N, H, W, C]` with draws that depend on `seed` alone."""
    drawn = layer.get_random_transformation(images, training=True, seed=StatelessSeeds(seed))
    return tf.ensure_shape(layer.transform_images(images, drawn, training=True), images.shape)
