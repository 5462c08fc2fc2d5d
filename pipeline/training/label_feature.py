"""Where an example has its label, and of which kind it is."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from darkroom.task import Task
from pipeline import features


@dataclass(frozen=True, slots=True)
class LabelFeature:
    """One number of each example.

    Attributes:
        key: of the feature.
        dtype: of the number.
    """

    key: str
    dtype: tf.DType

    @property
    def spec(self) -> tf.io.FixedLenFeature:
        """For `tf.io.parse_example`."""
        return tf.io.FixedLenFeature([], self.dtype)


CLASS_ID = LabelFeature(features.LABEL, tf.int64)
TARGET = LabelFeature(features.TARGET, tf.float32)


def label_feature(task: Task) -> LabelFeature:
    """What a task's examples have."""
    return CLASS_ID if task.has_classes else TARGET
