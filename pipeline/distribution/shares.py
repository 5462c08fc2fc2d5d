"""Which examples of an epoch each replica trains on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from darkroom.errors import DataError
from pipeline.distribution.cluster import cluster_from_environment


@dataclass(frozen=True, slots=True)
class Place:
    """A process among those of a training.

    Attributes:
        replicas: over all workers together.
        workers: processes, each with as many replicas.
        worker: the number of this process, from 0.
    """

    replicas: int = 1
    workers: int = 1
    worker: int = 0

    @property
    def local_replicas(self) -> int:
        """Replicas on this worker."""
        return self.replicas // self.workers

    def has(self, number: tf.Tensor) -> tf.Tensor:
        """Whether one of all replicas' parts, step after step, is for a replica of this process."""
        return number % self.replicas // self.local_replicas == self.worker

    def position(self, number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Step, and where there are several replicas also the replica, of this process's part with a number."""
        if self.replicas == 1:
            return (number,)
        return number // self.local_replicas, self.worker * self.local_replicas + number % self.local_replicas


# One process with one device.
ALONE = Place()


def place_of(strategy: tf.distribute.Strategy) -> Place:
    """This process's place under a strategy."""
    cluster = cluster_from_environment()
    if cluster is None or not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return Place(strategy.num_replicas_in_sync)
    return Place(strategy.num_replicas_in_sync, cluster.size, cluster.number)


@dataclass(frozen=True, slots=True)
class Shares:
    """An epoch's examples, in its order, cut into global batches, and each of these into a part for each replica.

    All replicas together see in one step what one device would see; every example goes to exactly one of them. Only
    where an epoch's last batch would have fewer examples than there are replicas, it takes some from the batch before,
    so that no part is empty.

    Attributes:
        size: examples in one epoch.
        batch: examples in one step, over all replicas together.
        place: this process among all.

    Raises:
        DataError: there is not enough for every replica.
    """

    size: int
    batch: int
    place: Place = ALONE

    def __post_init__(self) -> None:
        replicas = self.place.replicas
        if replicas == 1:
            return
        if self.batch < 2 * replicas:
            raise DataError(
                f"training.batch_size gives {self.batch} images to a step, but {replicas} replicas share it and need "
                "two each; raise it, or train on fewer devices"
            )
        if self.size < replicas:
            raise DataError(f"A split has {self.size} images, but {replicas} replicas need at least one each")

    @property
    def steps(self) -> int:
        """Steps in one epoch."""
        return -(-self.size // self.batch)

    def of_worker(self, examples: tf.data.Dataset) -> tf.data.Dataset:
        """This worker's examples out of one epoch's, in their order; best called before they are decoded."""
        if self.place.workers == 1:
            return examples
        numbered = _cut(examples, self.part_sizes().ravel()).enumerate()
        mine = numbered.filter(lambda number, _: self.place.has(number))
        return mine.map(lambda _, part: part).unbatch()

    def parts(self, examples: tf.data.Dataset) -> tf.data.Dataset:
        """This worker's examples of one epoch as batches: `local_replicas` of them for each step, in replica order."""
        if self.place.replicas == 1:
            return examples.batch(self.batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        first = self.place.worker * self.place.local_replicas
        return _cut(examples, self.part_sizes()[:, first : first + self.place.local_replicas].ravel())

    def own_bounds(self) -> np.ndarray:
        """Where the parts of this worker's replicas begin and end in an epoch, step after step, `[parts, 2]` int64."""
        sizes = self.part_sizes()
        ends = sizes.cumsum().reshape(sizes.shape)
        first = self.place.worker * self.place.local_replicas
        own = slice(first, first + self.place.local_replicas)
        return np.stack([(ends - sizes)[:, own].ravel(), ends[:, own].ravel()], axis=1)

    def part_sizes(self) -> np.ndarray:
        """Examples by step and replica, `[steps, replicas]` int64."""
        steps = np.full(self.steps, self.batch, np.int64)
        steps[-1] = self.size - self.batch * (self.steps - 1)
        lacking = max(self.place.replicas - int(steps[-1]), 0)
        if lacking:
            steps[-2:] += [-lacking, lacking]
        each, left = np.divmod(steps[:, np.newaxis], self.place.replicas)
        sizes: np.ndarray = each + (np.arange(self.place.replicas) < left)
        return sizes


def _cut(examples: tf.data.Dataset, sizes: np.ndarray) -> tf.data.Dataset:
    return examples.batch(int(sizes.max()), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).rebatch(sizes)
