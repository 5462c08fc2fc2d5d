"""Examples to batches: TFRecords read in parallel, decoded by the shared preprocessing graph."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from darkroom.configuration.sections import TrainingSection
from pipeline import features
from preprocessing.graph import PreprocessingGraph

_FEATURES = {
    features.ENCODED: tf.io.FixedLenFeature([], tf.string),
    features.LABEL: tf.io.FixedLenFeature([], tf.int64),
}

_FLOAT32_BYTES = 4


@dataclass(frozen=True, slots=True)
class SplitFiles:
    """The TFRecord files of one split.

    Attributes:
        patterns: glob patterns of gzipped TFRecords.
        size: how many examples they hold.
    """

    patterns: tuple[str, ...]
    size: int

    def paths(self) -> list[str]:
        """The files, in name order.

        Raises:
            FileNotFoundError: a pattern matches nothing.
        """
        found: list[str] = []
        for pattern in self.patterns:
            matches = sorted(tf.io.gfile.glob(pattern))
            if not matches:
                raise FileNotFoundError(f"No TFRecord files match {pattern}")
            found += matches
        return found

    def records(self) -> tf.data.Dataset:
        """Serialised examples, in an order that depends on the files alone."""
        paths = self.paths()
        return tf.data.Dataset.from_tensor_slices(paths).interleave(
            lambda path: tf.data.TFRecordDataset(path, compression_type="GZIP"),
            cycle_length=min(len(paths), 16),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )


def image_batches(
    split: SplitFiles, graph: PreprocessingGraph, section: TrainingSection, *, training: bool
) -> tf.data.Dataset:
    """Batches of `(pixels [N, H, W, C] float32, label [N] int64)`.

    When the split's pixels fit into `section.cache_megabytes`, they are decoded once and kept; otherwise the encoded
    images are shuffled, which needs far less memory than shuffling pixels, and decoded anew in each epoch.

    Args:
        split: which examples.
        graph: the run's preprocessing.
        section: batch size, shuffling, cache.
        training: whether to shuffle.
    """
    height, width, channels = graph.spec.pixel_shape
    pixel_bytes = split.size * height * width * channels * _FLOAT32_BYTES
    cached = pixel_bytes <= section.cache_megabytes * 2**20
    dataset = split.records()
    if training and not cached:
        dataset = dataset.shuffle(min(section.shuffle_buffer, split.size), seed=section.seed)
    dataset = dataset.map(
        lambda record: _pixels_and_label(record, graph), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    if cached:
        dataset = dataset.cache()
        if training:
            dataset = dataset.shuffle(split.size, seed=section.seed)
    dataset = dataset.batch(section.batch_size, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)


def _pixels_and_label(record: tf.Tensor, graph: PreprocessingGraph) -> tuple[tf.Tensor, tf.Tensor]:
    parsed = tf.io.parse_single_example(record, _FEATURES)
    return graph.preprocess_one(parsed[features.ENCODED]), parsed[features.LABEL]
