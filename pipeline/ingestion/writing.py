"""Writing splits: sharded, in an order that depends on the content alone, so the same images give the same bytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import tensorflow as tf

from pipeline.features import SPLITS
from pipeline.ingestion.staging import Rows, StagedRecords

# About so much goes into one shard: a file that is read in one stream.
SHARD_BYTES = 128 * 1024 * 1024

# JPEGs are compressed already, and deflating them again takes longer than checking them: 1.5 ms for 75 KB, to save 1 %.
# Small images deflate well, as most of their examples is the names of features. So a sample of each shard decides.
_SAMPLE_BYTES = 1024 * 1024
_WORTH = 0.9
_FASTEST, _STORED = 1, 0


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of one split.

    Attributes:
        split: its name.
        number, count: which of how many; all splits have as many.
        places: `[N]` with `file`, `offset` and `length` of its records, in the order in which they are written.
    """

    split: str
    number: int
    count: int
    places: np.ndarray


def shards_of(rows: Rows, splits: np.ndarray) -> Iterator[Shard]:
    """The shards of all images, those without any left out."""
    count = max(1, -(-int(rows["length"].sum()) // SHARD_BYTES))
    # Bits that have no part in choosing the split, which goes by the order of the first ones.
    numbers = rows["sha256"][:, 8:16].copy().view(">u8").ravel() % np.uint64(count)
    for split, name in enumerate(SPLITS):
        for number in range(count):
            members = np.flatnonzero((splits == split) & (numbers == number))
            if len(members):
                yield Shard(name, number, count, rows[["file", "offset", "length"]][members])


class WriteShards(beam.PTransform):
    """`Shard` to a gzipped TFRecord file `<uri>/Split-<split>/data_tfrecord-<number>-of-<count>.gz` each."""

    def __init__(self, uri: str, stems: tuple[str, ...]) -> None:
        super().__init__()
        self._uri = uri
        self._stems = stems

    def expand(self, input_or_inputs: beam.PCollection) -> beam.PCollection:
        """Writes each shard where there is a worker."""
        return input_or_inputs | "Spread" >> beam.Reshuffle() | "Write" >> beam.Map(_write, self._uri, self._stems)


def _write(shard: Shard, uri: str, stems: tuple[str, ...]) -> None:
    # TFX's naming, so that every TFX component finds the shards.
    folder = f"{uri}/Split-{shard.split}"
    tf.io.gfile.makedirs(folder)
    records = StagedRecords(stems)
    try:
        options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=_level(shard, records))
        with tf.io.TFRecordWriter(
            f"{folder}/data_tfrecord-{shard.number:05d}-of-{shard.count:05d}.gz", options
        ) as writer:
            for place in shard.places:
                writer.write(records.of(place))
    finally:
        records.close()


def _level(shard: Shard, records: StagedRecords) -> int:
    """zlib's level for a shard: the fastest where its first records become smaller, else none."""
    sample = bytearray()
    for place in shard.places:
        sample += records.of(place)
        if len(sample) >= _SAMPLE_BYTES:
            break
    sample = sample[:_SAMPLE_BYTES]
    return _FASTEST if len(zlib.compress(sample, _FASTEST)) < _WORTH * len(sample) else _STORED
