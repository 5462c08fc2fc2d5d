"""The TFRecord files of one split."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from pipeline.training.label_feature import CLASS_ID, LabelFeature


@dataclass(frozen=True, slots=True)
class SplitFiles:
    """Where the examples of a split are.

    Attributes:
        patterns: glob patterns of gzipped TFRecords.
        size: how many examples they hold.
        label: where they have their labels.
    """

    patterns: tuple[str, ...]
    size: int
    label: LabelFeature = CLASS_ID

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
