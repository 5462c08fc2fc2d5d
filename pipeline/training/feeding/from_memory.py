"""Parts of batches from a split that is in memory, preprocessed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from pipeline.distribution.shares import Shares
from pipeline.training.feeding.decoding import map_in_order
from pipeline.training.feeding.order import seed_at, shuffled

# Copying out of memory is fast; more at once would only hold more batches.
_GATHERED_AT_ONCE = 2


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Preprocessed examples.

    Attributes:
        levels: `[N, H, W, C]` float32.
        labels: `[N]`, int64 class ids or float32 targets.
    """

    levels: tf.Tensor
    labels: tf.Tensor

    def at(self, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Those with these numbers, copied."""
        return tf.gather(self.levels, numbers), tf.gather(self.labels, numbers)


def parts_from_memory(
    held: Held, shares: Shares, *, seed: int, first_epoch: int, first_step: int, epochs: int
) -> tf.data.Dataset:
    """This worker's parts, `(levels [n, H, W, C], labels [n])`, of all epochs from a position on.

    Args:
        held: all examples of the split.
        shares: the cut of an epoch.
        seed: of the order.
        first_epoch: from 0.
        first_step: within it, from 0.
        epochs: the number after the last one's.
    """
    bounds = shares.own_bounds()

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = shuffled(shares.size, seed_at(seed, epoch))
        skipped = tf.where(epoch == first_epoch, tf.constant(first_step, tf.int64), tf.constant(0, tf.int64))
        parts = tf.data.Dataset.from_tensor_slices(bounds).skip(skipped * shares.place.local_replicas)
        return map_in_order(parts, lambda bound: held.at(order[bound[0] : bound[1]]), _GATHERED_AT_ONCE)

    return tf.data.Dataset.range(first_epoch, epochs).flat_map(one_epoch)


def parts_in_order(held: Held, shares: Shares) -> tf.data.Dataset:
    """One pass over this worker's examples, which are all that is held, as they lie."""
    sizes = np.diff(shares.own_bounds()).ravel()
    ends = sizes.cumsum()
    parts = tf.data.Dataset.from_tensor_slices((ends - sizes, ends))
    return map_in_order(parts, lambda begin, end: (held.levels[begin:end], held.labels[begin:end]), _GATHERED_AT_ONCE)
