"""Small splits as the pipeline's ingestion writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from darkroom.task import Task
from pipeline import features
from pipeline.ingestion.dataset_facts import DatasetFacts, TargetFacts
from pipeline.training.label_feature import TARGET
from pipeline.training.split_files import SplitFiles
from tests.preprocessing.made_images import png_bytes

LABELS = ("dark", "light", "split")


def write_split(folder: Path, count: int, *, side: int = 8, classes: int = 3) -> SplitFiles:
    """`count` grey images of three classes in turn: dark, light, and half of each; or of the first two."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(count)
    with tf.io.TFRecordWriter(str(folder / "data.gz"), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        for number in range(count):
            label = number % classes
            levels = random.integers(0, 60, (side, side)) + np.array([0, 150, 0])[label]
            if label == 2:
                levels[:, side // 2 :] += 150
            writer.write(_example(png_bytes(levels.astype(np.uint8)), label))
    return SplitFiles((str(folder / "*"),), count)


def write_targets(folder: Path, count: int, *, side: int = 8) -> SplitFiles:
    """`count` grey images; the target is 5,000 and a hundred times the mean level: 10,000 to 25,000."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(count)
    with tf.io.TFRecordWriter(str(folder / "data.gz"), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        for number in range(count):
            level = 50 + 150 * number // count
            levels = random.integers(level - 20, level + 20, (side, side))
            feature = {
                features.ENCODED: tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[png_bytes(levels.astype(np.uint8))])
                ),
                features.TARGET: tf.train.Feature(float_list=tf.train.FloatList(value=[5000 + 100 * level])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    return SplitFiles((str(folder / "*"),), count, TARGET)


def target_facts(train: int) -> DatasetFacts:
    """What ingestion says of a training split by `write_targets`."""
    targets = 5000.0 + 100 * (50 + 150 * np.arange(train) // train)
    found = TargetFacts(
        count=train,
        mean=float(targets.mean()),
        deviation=float(targets.std()),
        minimum=float(targets.min()),
        maximum=float(targets.max()),
    )
    return DatasetFacts(
        source="made", task=Task.REGRESSION, labels=(), counts={}, targets={"train": found}, quarantined=0
    )


def facts(train: int) -> DatasetFacts:
    """What ingestion says of a training split by `write_split`."""
    counts = {name: len(range(label, train, 3)) for label, name in enumerate(LABELS)}
    return DatasetFacts(source="made", labels=LABELS, counts={"train": counts}, quarantined=0)


def _example(encoded: bytes, label: int) -> bytes:
    feature = {
        features.ENCODED: tf.train.Feature(bytes_list=tf.train.BytesList(value=[encoded])),
        features.LABEL: tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
