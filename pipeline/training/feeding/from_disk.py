"""Parts of batches from records that are read and decoded anew in each epoch."""

from __future__ import annotations

import tensorflow as tf

from pipeline.distribution.shares import Shares
from pipeline.training.feeding.decoding import decode
from pipeline.training.split_files import SplitFiles
from preprocessing.graph import PreprocessingGraph

_GRAPH_SEED = 1

# Further apart than any two seeds that people choose, so that no two trainings share an epoch's order.
_EPOCH_STRIDE = 1_000_003


def parts_from_disk(
    split: SplitFiles,
    graph: PreprocessingGraph,
    shares: Shares,
    *,
    seed: int,
    buffer: int,
    first_epoch: int,
    first_step: int,
    epochs: int,
) -> tf.data.Dataset:
    """This worker's parts, `(levels [n, H, W, C], labels [n])`, of all epochs from a position on.

    The encoded images are shuffled, which needs far less memory than shuffling pixels.

    Args:
        split: which examples.
        graph: the run's preprocessing.
        shares: the cut of an epoch.
        seed: of the order.
        buffer: encoded images to shuffle from.
        first_epoch: from 0.
        first_step: within it, from 0.
        epochs: the number after the last one's.
    """
    records = split.records()

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        # Of this function's graph alone. tf.data compares graph seed and seed with zeros, in Python, and for a seed
        # that is a tensor this works only where the graph's differs already.
        tf.compat.v1.set_random_seed(_GRAPH_SEED)
        shuffled = records.shuffle(
            min(buffer, split.size),
            seed=tf.cast(seed, tf.int64) + epoch * _EPOCH_STRIDE,
            reshuffle_each_iteration=False,
        )
        skipped = tf.where(epoch == first_epoch, tf.constant(first_step, tf.int64), tf.constant(0, tf.int64))
        return shares.parts(decode(shares.of_worker(shuffled), graph, split.label)).skip(
            skipped * shares.place.local_replicas
        )

    return tf.data.Dataset.range(first_epoch, epochs).flat_map(one_epoch)
