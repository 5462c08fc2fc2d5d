"""Random orders that follow from a seed and a position alone."""

from __future__ import annotations

import tensorflow as tf


def seed_at(seed: int, *position: tf.Tensor | int) -> tf.Tensor:
    """`[2]` int32, of its own for each position."""
    found = tf.constant([seed, 0], tf.int32)
    for number in position:
        found = tf.random.experimental.stateless_fold_in(found, number)
    return found


def shuffled(count: tf.Tensor | int, seed: tf.Tensor) -> tf.Tensor:
    """The numbers from 0 to `count` in a random order, `[count]` int64."""
    return tf.random.experimental.stateless_shuffle(tf.range(tf.cast(count, tf.int64)), seed)
