"""JPEGs that cost as much to decode as photographs do, as a split of a training."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from pipeline import features
from pipeline.training.split_files import SplitFiles

WIDTH, HEIGHT, CLASSES = 500, 375, 10

# Noise of these widths is enlarged to the image's, and added up with these weights: shapes, texture, grain.
_LAYERS = ((4, 60), (16, 35), (64, 20), (250, 8))

# Different ones; further images repeat them.
_DIFFERENT = 200


def write_photos(folder: Path, count: int) -> SplitFiles:
    """`count` examples of ten classes in turn, at JPEG quality 90."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    photos = [_photo(random) for _ in range(min(count, _DIFFERENT))]
    with tf.io.TFRecordWriter(str(folder / "data.gz"), tf.io.TFRecordOptions("GZIP", compression_level=1)) as writer:
        for number in range(count):
            feature = {
                features.ENCODED: tf.train.Feature(bytes_list=tf.train.BytesList(value=[photos[number % len(photos)]])),
                features.LABEL: tf.train.Feature(int64_list=tf.train.Int64List(value=[number % CLASSES])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    return SplitFiles((str(folder / "*"),), count)


def _photo(random: np.random.Generator) -> bytes:
    levels = np.full((HEIGHT, WIDTH, 3), 127.0, np.float32)
    for width, weight in _LAYERS:
        noise = Image.fromarray(random.integers(0, 256, (width * 3 // 4, width, 3)).astype(np.uint8))
        levels += (np.asarray(noise.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32) / 127.5 - 1) * weight
    encoded = io.BytesIO()
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(encoded, "JPEG", quality=90)
    return encoded.getvalue()
