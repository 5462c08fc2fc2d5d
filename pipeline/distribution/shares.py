"""Which examples of an epoch each replica trains on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from darkroom.errors import DataError


@dataclass(frozen=True, slots=True)
class Shares:
    """An epoch's examples, in its order, cut into global batches, and each of these into a part for each replica.

    All replicas together see in one step what one device would see; every example goes to exactly one of them. Only
    where an epoch's last batch would have fewer examples than there are replicas, it takes some from the batch before,
    so that no part is empty.

    Attributes:
        size: examples in one epoch.
        batch: examples in one step, over all replicas together.
        replicas: over all workers together.
        workers: processes, each with as many replicas.
        worker: the number of this process, from 0.

    Raises:
        DataError: there is not enough for every replica.
    """

    size: int
    batch: int
    replicas: int = 1
    workers: int = 1
    worker: int = 0

    def __post_init__(self) -> None:
        if self.replicas == 1:
            return
        if self.batch < 2 * self.replicas:
            raise DataError(
                f"training.batch_size gives {self.batch} images to a step, but {self.replicas} replicas share it and "
                "need two each; raise it, or train on fewer devices"
            )
        if self.size < self.replicas:
            raise DataError(f"A split has {self.size} images, but {self.replicas} replicas need at least one each")

    @property
    def steps(self) -> int:
        """Steps in one epoch."""
        return -(-self.size // self.batch)

    @property
    def local_replicas(self) -> int:
        """Replicas on this worker."""
        return self.replicas // self.workers

    def of_worker(self, examples: tf.data.Dataset) -> tf.data.Dataset:
        """This worker's examples out of one epoch's, in their order; best called before they are decoded."""
        if self.workers == 1:
            return examples
        numbered = _cut(examples, self.part_sizes().ravel()).enumerate()
        mine = numbered.filter(lambda number, _: number % self.replicas // self.local_replicas == self.worker)
        return mine.map(lambda _, part: part).unbatch()

    def parts(self, examples: tf.data.Dataset) -> tf.data.Dataset:
        """This worker's examples of one epoch as batches: `local_replicas` of them for each step, in replica order."""
        if self.replicas == 1:
            return examples.batch(self.batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        first = self.worker * self.local_replicas
        return _cut(examples, self.part_sizes()[:, first : first + self.local_replicas].ravel())

    def part_sizes(self) -> np.ndarray:
        """Examples by step and replica, `[steps, replicas]` int64."""
        steps = np.full(self.steps, self.batch, np.int64)
        steps[-1] = self.size - self.batch * (self.steps - 1)
        lacking = max(self.replicas - int(steps[-1]), 0)
        if lacking:
            steps[-2:] += [-lacking, lacking]
        each, left = np.divmod(steps[:, np.newaxis], self.replicas)
        sizes: np.ndarray = each + (np.arange(self.replicas) < left)
        return sizes


def _cut(examples: tf.data.Dataset, sizes: np.ndarray) -> tf.data.Dataset:
    return examples.batch(int(sizes.max()), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).rebatch(sizes)
