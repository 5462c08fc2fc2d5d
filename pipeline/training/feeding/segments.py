"""A split's records, cut into stratified segments on the disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from darkroom.errors import DataError
from pipeline.progress import reporter
from pipeline.training.feeding.decoding import map_in_order, untuned
from pipeline.training.feeding.scratch import scratch_folder
from pipeline.training.label_feature import CLASS_ID, LabelFeature
from pipeline.training.split_files import SplitFiles

_SIZES = "sizes.json"


@dataclass(frozen=True, slots=True)
class Segments:
    """The files of all segments.

    Attributes:
        paths: uncompressed TFRecords; images are compressed already.
        sizes: examples in each.
        label: where they have their labels.
    """

    paths: tuple[str, ...]
    sizes: tuple[int, ...]
    label: LabelFeature = CLASS_ID


@contextlib.contextmanager
def segment_files(split: SplitFiles, count: int, root: Path) -> Iterator[Segments]:
    """Segments that exist while the context is open; the same records give the same segments.

    Raises:
        DataError: they do not fit on the disk.
    """
    with scratch_folder(root, _fingerprint(split, count), lambda folder: _write(split, count, folder)) as folder:
        sizes = json.loads((folder / _SIZES).read_text(encoding="utf-8"))
        yield Segments(tuple(str(_path(folder, number)) for number in range(count)), tuple(sizes), split.label)


def _fingerprint(split: SplitFiles, count: int) -> str:
    """Of what would be written: the files' names, sizes and times, and how many segments there are."""
    found: list[Any] = [count, split.size]
    for path in split.paths():
        stat = tf.io.gfile.stat(path)
        found.append((path, stat.length, stat.mtime_nsec))
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:24]


def _path(folder: Path, number: int) -> Path:
    return folder / f"segment-{number:05}.tfrecord"


def _write(split: SplitFiles, count: int, folder: Path) -> None:
    # Records are as long as they are compressed, give or take a little.
    needed = sum(tf.io.gfile.stat(path).length for path in split.paths())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(_does_not_fit(folder, f"{needed / 2**30:,.2f} GiB are needed and {free / 2**30:,.2f} are free"))
    reporter().note(f"Feeding: {split.size:,} training images are copied into {count} segments in {folder}")
    deal = Deal(count)
    try:
        with contextlib.ExitStack() as open_files:
            writers = [
                open_files.enter_context(tf.io.TFRecordWriter(str(_path(folder, number)))) for number in range(count)
            ]
            for record, label in _records_and_classes(split):
                writers[deal.next(label)].write(record)
        (folder / _SIZES).write_text(json.dumps(deal.sizes), encoding="utf-8")
    except (OSError, tf.errors.OpError) as error:
        if shutil.disk_usage(folder).free < _ALMOST_NOTHING:
            raise DataError(_does_not_fit(folder, "the disk is full")) from error
        raise
    if sum(deal.sizes) != split.size:
        raise DataError(
            f"The training split has {sum(deal.sizes)} records, but {split.size} were counted when it was made"
        )


# Less than a record is free when a disk is called full.
_ALMOST_NOTHING = 2**24


def _does_not_fit(folder: Path, what: str) -> str:
    return (
        f"training.feeding: the segments do not fit into {folder}: {what}. Name a folder on another disk in "
        "training.feeding.scratch_folder, or take training.feeding.mode disk, which needs none"
    )


def _records_and_classes(split: SplitFiles) -> Iterator[tuple[bytes, int]]:
    """A regression's images count as of one class: their order, which follows from the content, spreads them."""
    parse = {split.label.key: split.label.spec}
    is_class = split.label == CLASS_ID
    pairs = map_in_order(
        split.records(), lambda record: (record, tf.io.parse_single_example(record, parse)[split.label.key])
    )
    for record, label in pairs.with_options(untuned()).prefetch(16).as_numpy_iterator():
        yield record, int(label) if is_class else 0


class Deal:
    """Deals examples out to segments as they come, so that each class is spread evenly, and the segments alike large.

    Attributes:
        sizes: examples that each segment got.
    """

    def __init__(self, count: int) -> None:
        self.sizes = [0] * count
        self._of_class: defaultdict[int, list[int]] = defaultdict(lambda: [0] * count)

    def next(self, label: int) -> int:
        """The segment with the fewest of this class so far, of those the one with the fewest of all."""
        counts = self._of_class[label]
        chosen = min(range(len(counts)), key=lambda number: (counts[number], self.sizes[number]))
        counts[chosen] += 1
        self.sizes[chosen] += 1
        return chosen
