"""Writing splits: sharded, in an order that depends on the content alone, so the same images give the same bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import apache_beam as beam
import tensorflow as tf

from pipeline.ingestion.reading import CheckedImage
from pipeline.ingestion.split_counts import ShardCount, count_shard

# A shard is sorted in memory before it is written.
SHARD_BYTES = 128 * 1024 * 1024


class WriteShards(beam.PTransform):
    """`(split, CheckedImage)` to gzipped TFRecord shards under `<uri>/Split-<split>/`.

    Returns a `ShardCount` for what was written, for the summary.
    """

    def __init__(self, uri: str, shards: int) -> None:
        super().__init__()
        self._uri = uri
        self._shards = shards

    def expand(self, input_or_inputs: beam.PCollection) -> beam.PCollection:
        """Groups by split and shard, then writes each group."""
        return (
            input_or_inputs
            | "ToShard" >> beam.Map(_with_shard, shards=self._shards)
            | "GroupShard" >> beam.GroupByKey()
            | "WriteShard" >> beam.FlatMap(_write_shard, uri=self._uri, shards=self._shards)
        )


def _with_shard(element: tuple[str, CheckedImage], shards: int) -> tuple[tuple[str, int], CheckedImage]:
    split, image = element
    # Bits that the split does not look at (pipeline.ingestion.splits uses the first 64).
    return (split, int(image.sha256[16:32], 16) % shards), image


def _write_shard(
    element: tuple[tuple[str, int], Iterable[CheckedImage]], uri: str, shards: int
) -> Iterator[ShardCount]:
    (split, shard), images = element
    # TFX's naming, so that every TFX component finds the shards; duplicates (same bytes) are told apart by the label
    # and the file's name inside the example.
    path = os.path.join(uri, f"Split-{split}", f"data_tfrecord-{shard:05d}-of-{shards:05d}.gz")
    ordered = sorted(images, key=lambda image: (image.sha256, image.example))
    tf.io.gfile.makedirs(os.path.dirname(path))
    # Images are compressed already: the fastest level only takes what repeats between features.
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
    with tf.io.TFRecordWriter(path, options) as writer:
        for image in ordered:
            writer.write(image.example)
    yield from count_shard(split, ((image.text, image.target) for image in ordered))
