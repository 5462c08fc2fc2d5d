"""A training's examples, in the way that was chosen at its start."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import tensorflow as tf

from darkroom.configuration.training_section import TrainingSection
from pipeline.distribution.agreement import any_worker_says, least_of_workers
from pipeline.distribution.job import workers_here
from pipeline.distribution.shares import Shares
from pipeline.progress import reporter
from pipeline.training.feeding.choice import Budget, Choice, Need, choose
from pipeline.training.feeding.decoding import decode, decode_all
from pipeline.training.feeding.from_disk import parts_from_disk
from pipeline.training.feeding.from_memory import Held, parts_from_memory, parts_in_order
from pipeline.training.feeding.from_segments import parts_from_segments
from pipeline.training.feeding.machine_memory import memory_bytes
from pipeline.training.feeding.scratch import scratch_root
from pipeline.training.feeding.segments import Segments, segment_files
from pipeline.training.split_files import SplitFiles
from preprocessing.graph import PreprocessingGraph

_FLOAT32_BYTES = 4

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def feeding(
    train: SplitFiles,
    evaluation: SplitFiles,
    graph: PreprocessingGraph,
    section: TrainingSection,
    strategy: tf.distribute.Strategy | None = None,
) -> Iterator[Feeding]:
    """Chooses how to feed, tells it, and keeps what that needs while the context is open.

    Args:
        train, evaluation: the splits.
        graph: the run's preprocessing.
        section: of the configuration.
        strategy: the training's; all its workers choose alike, by the smallest memory among them. None for one device.

    Raises:
        ConfigurationError: what is configured does not fit into memory.
        DataError: the segments do not fit on the disk.
    """
    strategy = strategy or tf.distribute.get_strategy()
    chosen = _choose(train, evaluation, graph, section, strategy)
    text = f"Feeding: {chosen.train} for training, {chosen.evaluation} for evaluation; {chosen.reason}"
    _log.info("%s", text)
    if chosen.train != "memory":
        reporter().note(text)
    with contextlib.ExitStack() as opened:
        segments = None
        if chosen.train == "hybrid":
            root = scratch_root(section.feeding.scratch_folder)
            segments = opened.enter_context(segment_files(train, chosen.segments, root))
        found = Feeding(
            train=train, evaluation=evaluation, graph=graph, section=section, choice=chosen, segments=segments
        )
        opened.callback(found.release)
        yield found


def _choose(
    train: SplitFiles,
    evaluation: SplitFiles,
    graph: PreprocessingGraph,
    section: TrainingSection,
    strategy: tf.distribute.Strategy,
) -> Choice:
    height, width, channels = graph.spec.pixel_shape
    need = Need(
        train.size,
        evaluation.size,
        height * width * channels * _FLOAT32_BYTES,
        section.batch_size // section.augmentation.n_augmentation,
    )
    budget = Budget.of(section.feeding, memory_bytes(), workers_here())
    agreed = Budget(least_of_workers(strategy, budget.bytes), budget.origin)
    accelerators = tf.config.list_logical_devices("GPU") + tf.config.list_logical_devices("TPU")
    [accelerated] = any_worker_says(strategy, bool(accelerators))
    return choose(section.feeding, need, agreed, accelerated=accelerated)


class Feeding:
    """Both splits' examples as parts of batches: `(levels [n, H, W, C] float32 0..255, labels [n])`.

    What is held in memory is decoded when it is first asked for, and serves all phases.

    Attributes:
        train, evaluation: the splits.
        graph: the run's preprocessing.
        choice: how they are fed.
    """

    def __init__(
        self,
        *,
        train: SplitFiles,
        evaluation: SplitFiles,
        graph: PreprocessingGraph,
        section: TrainingSection,
        choice: Choice,
        segments: Segments | None,
    ) -> None:
        """Takes what `feeding` found."""
        self.train, self.evaluation, self.graph, self.choice = train, evaluation, graph, choice
        self._section, self._segments = section, segments
        self._train_held: Held | None = None
        self._evaluation_held: dict[tuple[int, int], Held] = {}

    def training_parts(self, shares: Shares, first_epoch: int, first_step: int, epochs: int) -> tf.data.Dataset:
        """This worker's parts of the training split's epochs, each in an order of its own.

        The order follows from the seed and the position alone: a training that begins at a position gets what one that
        never stopped gets there.

        Args:
            shares: the cut of an epoch.
            first_epoch: from 0.
            first_step: within it, from 0.
            epochs: the number after the last one's.
        """
        seed = self._section.seed
        if self._segments is not None:
            return parts_from_segments(
                self._segments,
                self.graph,
                shares,
                passes=self._section.feeding.segment_epochs,
                seed=seed,
                first_epoch=first_epoch,
                first_step=first_step,
                epochs=epochs,
            )
        if self.choice.train == "memory":
            if self._train_held is None:
                self._train_held = Held(
                    *decode_all(self.train.records(), self.train.size, self.graph, self.train.label)
                )
            return parts_from_memory(
                self._train_held, shares, seed=seed, first_epoch=first_epoch, first_step=first_step, epochs=epochs
            )
        return parts_from_disk(
            self.train,
            self.graph,
            shares,
            seed=seed,
            buffer=self._section.feeding.shuffle_buffer,
            first_epoch=first_epoch,
            first_step=first_step,
            epochs=epochs,
        )

    def evaluation_parts(self, shares: Shares) -> tf.data.Dataset:
        """This worker's parts of the eval split, in the files' order."""
        records = shares.of_worker(self.evaluation.records())
        if self.choice.evaluation == "disk":
            return shares.parts(decode(records, self.graph, self.evaluation.label))
        place = shares.place.workers, shares.place.worker
        if place not in self._evaluation_held:
            count = int((shares.own_bounds() @ [-1, 1]).sum())
            self._evaluation_held[place] = Held(*decode_all(records, count, self.graph, self.evaluation.label))
        return parts_in_order(self._evaluation_held[place], shares)

    def release(self) -> None:
        """Lets go of what is held."""
        self._train_held = None
        self._evaluation_held.clear()
