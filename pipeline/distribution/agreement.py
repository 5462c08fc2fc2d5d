"""Decisions that all workers must take alike: one that stopped alone would leave the others waiting for it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from pipeline.distribution.shares import place_of


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


def least_of_workers(strategy: tf.distribute.Strategy, number: int) -> int:
    """The smallest number that any worker has, on all of them; every worker must ask at the same place.

    Args:
        strategy: the training's; with one process the number comes back as it is.
        number: this worker's, not negative; among several it is rounded as float32 rounds, on all alike.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return number
    place = place_of(strategy)
    own = np.zeros((2, place.workers), np.float32)
    own[:, place.worker] = number, 1
    # A worker may count more than once, so its slot is divided by how often it did.
    numbers, counts = strategy.reduce(tf.distribute.ReduceOp.SUM, tf.constant(own), axis=None).numpy()
    return int((numbers / counts).min())
