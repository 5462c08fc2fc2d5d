"""Decisions that all workers must take alike: one that stopped alone would leave the others waiting for it."""

from __future__ import annotations

import tensorflow as tf


def any_worker_says(strategy: tf.distribute.Strategy, *flags: bool) -> tuple[bool, ...]:
    """Each flag, true on all workers where it is true on any; every worker must ask at the same place.

    Args:
        strategy: the training's; with one process the flags come back as they are.
        flags: what this worker says.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return flags
    votes = strategy.reduce(tf.distribute.ReduceOp.SUM, tf.constant(flags, tf.float32), axis=None)
    return tuple(bool(vote) for vote in votes.numpy())
