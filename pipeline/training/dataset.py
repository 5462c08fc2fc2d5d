"""Examples to batches: TFRecords read in parallel, decoded by the shared preprocessing graph."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from darkroom.configuration.training_section import TrainingSection
from pipeline import features
from pipeline.distribution.shares import ALONE, Place, Shares
from pipeline.training.augmentation.augmenter import Augmenter
from pipeline.training.split_files import SplitFiles
from preprocessing.graph import PreprocessingGraph, levels
from preprocessing.scaling import scale
from preprocessing.spec import PreprocessingSpec

_FEATURES = {
    features.ENCODED: tf.io.FixedLenFeature([], tf.string),
    features.LABEL: tf.io.FixedLenFeature([], tf.int64),
}

_FLOAT32_BYTES = 4


@dataclass(frozen=True, slots=True)
class LabelForm:
    """How labels reach the loss.

    Attributes:
        n_classes: how many classes there are.
        one_hot: `[N, K]` float32 rather than `[N]` int64.
        weights: how much an image of each class counts; with them, batches have sample weights as a third part.
    """

    n_classes: int
    one_hot: bool = False
    weights: tuple[float, ...] | None = None

    def encode(self, labels: tf.Tensor) -> tf.Tensor:
        """Class ids `[N]` in the form that the loss takes."""
        return tf.one_hot(labels, self.n_classes) if self.one_hot else labels

    def weigh(self, labels: tf.Tensor) -> tf.Tensor:
        """Sample weights `[N]`; a mixed image counts as its labels do, in their shares."""
        weights = tf.constant(self.weights, tf.float32)
        return tf.linalg.matvec(labels, weights) if self.one_hot else tf.gather(weights, labels)


def steps_per_epoch(size: int, section: TrainingSection) -> int:
    """Steps in which every training image is seen, `n_augmentation` times each."""
    return math.ceil(size / (section.batch_size // section.augmentation.n_augmentation))


def training_batches(
    split: SplitFiles,
    graph: PreprocessingGraph,
    section: TrainingSection,
    augmenter: Augmenter,
    form: LabelForm,
    *,
    epochs: int,
    first_epoch: int = 0,
    first_step: int = 0,
    place: Place = ALONE,
) -> tf.data.Dataset:
    """The batches of all epochs in a row, `steps_per_epoch` each: `(pixels [N, H, W, C], labels[, weights [N]])`.

    Order and augmentation follow from the seed and the position alone: a training that begins at `first_epoch` and
    `first_step` gets what one that never stopped gets there.

    When the split's levels fit into `section.cache_megabytes`, they are decoded once and kept; otherwise the encoded
    images are shuffled, which needs far less memory than shuffling pixels, and decoded anew in each epoch.

    Args:
        split: which examples.
        graph: the run's preprocessing.
        section: batch size, shuffling, cache, seed.
        augmenter: from cached levels to the network's pixels.
        form: of the labels.
        epochs: how many there are in the whole training.
        first_epoch: from 0.
        first_step: within the first epoch, from 0.
        place: this process among those that train; it gets its replicas' parts of each batch, one after the other.
    """
    parse: Any = lambda record: _levels_and_label(record, graph)  # noqa: E731 - mapped in two places
    cached = _fits_in_cache(split, graph, section)
    examples = split.records()
    shares = Shares(split.size, section.batch_size // section.augmentation.n_augmentation, place)
    if cached:
        examples = _map(examples, parse).cache()

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        # Of this function's graph alone. tf.data compares graph seed and seed with zeros, in Python, and for a seed
        # that is a tensor this works only where the graph's differs already.
        tf.compat.v1.set_random_seed(_GRAPH_SEED)
        buffer = split.size if cached else min(section.shuffle_buffer, split.size)
        shuffled = examples.shuffle(
            buffer, seed=tf.cast(section.seed, tf.int64) + epoch * _EPOCH_STRIDE, reshuffle_each_iteration=False
        )
        own = shares.of_worker(shuffled)
        decoded = own if cached else _map(own, parse)
        skipped = tf.where(epoch == first_epoch, tf.constant(first_step, tf.int64), tf.constant(0, tf.int64))
        numbered = shares.parts(decoded).enumerate()
        skipped *= place.local_replicas
        return _map(numbered.skip(skipped), lambda number, batch: _finished(epoch, number, *batch))

    def _finished(epoch: tf.Tensor, number: tf.Tensor, raw: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
        seed = tf.constant([section.seed, 0], tf.int32)
        for position in (epoch, *place.position(number)):
            seed = tf.random.experimental.stateless_fold_in(seed, position)
        pixels, encoded = augmenter(raw, labels, seed, one_hot=form.one_hot)
        return (pixels, encoded) if form.weights is None else (pixels, encoded, form.weigh(encoded))

    return _shared_by_data(tf.data.Dataset.range(first_epoch, epochs).flat_map(one_epoch))


def evaluation_batches(
    split: SplitFiles, graph: PreprocessingGraph, section: TrainingSection, form: LabelForm, *, place: Place = ALONE
) -> tf.data.Dataset:
    """The batches of one pass, in the files' order, as they are: `(pixels [N, H, W, C], labels)`."""
    shares = Shares(split.size, section.batch_size, place)
    examples = _map(shares.of_worker(split.records()), lambda record: _levels_and_label(record, graph))
    if _fits_in_cache(split, graph, section):
        examples = examples.cache()
    batches = shares.parts(examples)
    # Keras takes the end of data of unknown length for an accident, and says so.
    batches = batches.apply(tf.data.experimental.assert_cardinality(shares.steps * place.local_replicas))
    return _shared_by_data(
        _map(batches, lambda raw, labels: (scale(raw, graph.spec, graph.statistics), form.encode(labels)))
    )


# One batch is ready while the next is being made; more would only smooth what shuffling smooths already.
_PREFETCHED_BATCHES = 2

_GRAPH_SEED = 1

# Further apart than any two seeds that people choose, so that no two trainings share an epoch's order.
_EPOCH_STRIDE = 1_000_003


def _fits_in_cache(split: SplitFiles, graph: PreprocessingGraph, section: TrainingSection) -> bool:
    height, width, channels = graph.spec.pixel_shape
    return split.size * height * width * channels * _FLOAT32_BYTES <= section.cache_megabytes * 2**20


def _levels_and_label(record: tf.Tensor, graph: PreprocessingGraph) -> tuple[tf.Tensor, tf.Tensor]:
    parsed = tf.io.parse_single_example(record, _FEATURES)
    return _levels_function(graph.spec)(parsed[features.ENCODED]), parsed[features.LABEL]


@functools.cache
def _levels_function(spec: PreprocessingSpec) -> Any:
    """Scalar string to `[H, W, C]` levels, traced once for all the datasets of a run."""
    return tf.function(
        lambda encoded: levels(encoded, spec), input_signature=[tf.TensorSpec([], tf.string)], autograph=False
    )


def _map(dataset: tf.data.Dataset, function: Any) -> tf.data.Dataset:
    # Written in graph ops already; AutoGraph would only spend time on it.
    return dataset.map(
        tf.autograph.experimental.do_not_convert(function), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )


def _shared_by_data(dataset: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    # Autotuning costs more than it gives: when an iterator ends, it may sleep out its period, which starts at 10 ms and
    # doubles up to a minute, and each evaluation ends one. Without it, AUTOTUNE means a call for each core.
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options).prefetch(_PREFETCHED_BATCHES)
