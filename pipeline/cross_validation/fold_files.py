"""Folds as files of examples, with what a training on some of them needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from darkroom.task import Task
from pipeline import features
from pipeline.cross_validation.folds import deal
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.ingestion.ledger import Ledger
from pipeline.ingestion.set_description import count_labels, describe_targets
from pipeline.ingestion.splits import strata_of_targets
from pipeline.ingestion.units import units_of
from pipeline.statistics.channel_statistics import channel_totals
from pipeline.training.label_feature import label_feature
from pipeline.training.split_files import SplitFiles
from preprocessing.spec import PreprocessingSpec
from preprocessing.statistics import ChannelStatistics

_DEALT = (features.TRAIN_SPLIT, features.EVAL_SPLIT)
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Folds:
    """The images that are not held out, dealt.

    Attributes:
        facts: of the whole set of examples.
        files: of each fold.
        values: class ids or targets of each fold's images, in the order of its file, `[n]` each.
        totals: of each fold's pixels, `[2, C]` int64; None where the preprocessing needs no statistics.
    """

    facts: DatasetFacts
    files: tuple[SplitFiles, ...]
    values: tuple[np.ndarray, ...]
    totals: tuple[np.ndarray, ...] | None

    def joined(self, numbers: Sequence[int]) -> SplitFiles:
        """Several folds as one split."""
        patterns = tuple(pattern for number in numbers for pattern in self.files[number].patterns)
        return SplitFiles(patterns, sum(self.files[number].size for number in numbers), self.files[0].label)

    def facts_of(self, train: Sequence[int], evaluation: int, test: int) -> DatasetFacts:
        """What ingestion would say of these folds as splits."""
        members = {
            features.TRAIN_SPLIT: np.concatenate([self.values[number] for number in train]),
            features.EVAL_SPLIT: self.values[evaluation],
            features.TEST_SPLIT: self.values[test],
        }
        if self.facts.task is Task.REGRESSION:
            return self.facts.model_copy(
                update={"targets": {split: describe_targets(values) for split, values in members.items()}}
            )
        counts = {split: count_labels(self.facts.labels, values) for split, values in members.items()}
        return self.facts.model_copy(update={"counts": counts})

    def statistics_of(self, numbers: Sequence[int], spec: PreprocessingSpec) -> ChannelStatistics | None:
        """Of the channels of some folds alone; None where the preprocessing needs none."""
        if self.totals is None:
            return None
        sums, squares = np.sum([self.totals[number] for number in numbers], axis=0)
        return ChannelStatistics.from_sums(
            sums=sums.tolist(),
            squares=squares.tolist(),
            pixels_per_image=spec.height * spec.width,
            image_count=sum(self.files[number].size for number in numbers),
        )


def write_folds(
    examples_uri: str, folder: Path, folds: int, near_distance: int | None, spec: PreprocessingSpec
) -> Folds:
    """Deals the train and eval splits of a set of examples; the test split is not opened.

    Args:
        examples_uri: of the Examples artifact.
        folder: where the folds' files go.
        folds: how many.
        near_distance: `data.near_duplicates`.
        spec: of the preprocessing.

    Raises:
        DataError: there are too few images.
    """
    facts = DatasetFacts.read(examples_uri)
    label = label_feature(facts.task)
    patterns = tuple(f"{examples_uri}/Split-{split}/*" for split in _DEALT)
    source = SplitFiles(patterns, sum(facts.split_size(split) for split in _DEALT), label)
    hashes, values = _hashes_and_values(source)
    # By content: which shard an image lies in must not decide.
    order = np.argsort(hashes, kind="stable")
    strata = strata_of_targets(values[order]) if facts.task is Task.REGRESSION else values[order]
    dealt = np.empty(len(values), np.int64)
    dealt[order] = deal(strata, _units(examples_uri, hashes[order], near_distance), folds)
    files = _write(source, dealt, folder, folds)
    totals = None
    if spec.needs_statistics:
        totals = tuple(_totals(split, spec) for split in files)
    return Folds(facts, files, tuple(values[dealt == number] for number in range(folds)), totals)


def _hashes_and_values(source: SplitFiles) -> tuple[np.ndarray, np.ndarray]:
    parse = {features.SHA256: tf.io.FixedLenFeature([], tf.string), source.label.key: source.label.spec}
    found = [tf.io.parse_example(batch, parse) for batch in source.records().batch(_BATCH)]
    hashes = np.concatenate([batch[features.SHA256].numpy() for batch in found])
    return hashes.astype("S64"), np.concatenate([batch[source.label.key].numpy() for batch in found])


def _units(examples_uri: str, hashes: np.ndarray, near_distance: int | None) -> np.ndarray:
    """What belongs together, `[N]`: the ledger beside the examples keeps groups and looks."""
    rows = Ledger.read(f"{examples_uri}/splits.npz").rows
    units = units_of(rows, near_distance)
    by_hash = {row.tobytes().hex().encode(): int(unit) for row, unit in zip(rows["sha256"], units, strict=True)}
    return np.array([by_hash[value] for value in hashes], np.int64)


def _write(source: SplitFiles, dealt: np.ndarray, folder: Path, folds: int) -> tuple[SplitFiles, ...]:
    paths = [str(folder / f"fold-{number}.tfrecord.gz") for number in range(folds)]
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
    writers = [tf.io.TFRecordWriter(path, options) for path in paths]
    try:
        for record, number in zip(source.records().as_numpy_iterator(), dealt, strict=True):
            writers[number].write(record)
    finally:
        for writer in writers:
            writer.close()
    sizes = np.bincount(dealt, minlength=folds)
    return tuple(SplitFiles((path,), int(size), source.label) for path, size in zip(paths, sizes, strict=True))


def _totals(split: SplitFiles, spec: PreprocessingSpec) -> np.ndarray:
    parse = {features.ENCODED: tf.io.FixedLenFeature([], tf.string)}
    found = np.zeros((2, spec.channels), np.int64)
    for batch in split.records().batch(_BATCH):
        found += channel_totals(tf.io.parse_example(batch, parse)[features.ENCODED], spec).numpy().sum(axis=0)
    return found
