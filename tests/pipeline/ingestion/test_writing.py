"""Shards as files, from staged records."""

import gzip
import random

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf

from darkroom.configuration.sections import BeamSection
from pipeline.beam_arguments import beam_arguments
from pipeline.ingestion.staging import StagingFile, read_rows
from pipeline.ingestion.writing import WriteShards, shards_of


@pytest.fixture
def write(tmp_path):
    """Stages records and writes them into one split; gives the shard's path."""

    def written(*records):
        staged = StagingFile(str(tmp_path))
        for number, record in enumerate(records):
            staged.append(record, name=number)
        staged.close()
        rows = read_rows([staged.stem])
        with beam.Pipeline(argv=beam_arguments(BeamSection())) as pipeline:
            shards = list(shards_of(rows, np.zeros(len(rows), int)))
            _ = pipeline | beam.Create(shards) | WriteShards(str(tmp_path), (staged.stem,))
        [path] = tmp_path.glob("Split-train/*.gz")
        return path

    return written


@pytest.mark.parametrize(
    ("record", "is_smaller"),
    [(random.Random(0).randbytes(50_000), False), (b"the same names of features again and again" * 20, True)],
    ids=["compressed already", "compressible"],
)
def test_only_what_gets_smaller_is_compressed(write, record, is_smaller):
    # One stored record after another: deflate's window is shorter than what repeats here.
    path = write(record, record)
    assert (path.stat().st_size < 2 * len(record)) is is_smaller
    assert gzip.decompress(path.read_bytes()).count(record) == 2
    assert list(tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator()) == [record, record]
