"""Small splits as the pipeline's ingestion writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from pipeline import features
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.training.split_files import SplitFiles
from tests.preprocessing.made_images import png_bytes

LABELS = ("dark", "light", "split")


def write_split(folder: Path, count: int, *, side: int = 8) -> SplitFiles:
    """`count` grey images of three classes in turn: dark, light, and half of each."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(count)
    with tf.io.TFRecordWriter(str(folder / "data.gz"), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        for number in range(count):
            label = number % 3
            levels = random.integers(0, 60, (side, side)) + np.array([0, 150, 0])[label]
            if label == 2:
                levels[:, side // 2 :] += 150
            writer.write(_example(png_bytes(levels.astype(np.uint8)), label))
    return SplitFiles((str(folder / "*"),), count)


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
