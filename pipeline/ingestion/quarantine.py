"""The quarantine artifact: images that were put aside, each with its reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import tensorflow as tf
from tfx.types.artifact import Artifact

from pipeline import features
from pipeline.ingestion.labelled_image import TORN_BETWEEN_SPLITS, Quarantined

REPORT_FILE = "quarantine.jsonl"
RECORDS_FILE = "quarantine.tfrecord.gz"

REASON = "quarantine/reason"
DETAIL = "quarantine/detail"
# The class name, or the target as it was written.
LABEL = "quarantine/label"

# How many files an error message names; the report holds them all.
_NAMED = 5


class Quarantine(Artifact):
    """Images that ingestion refused.

    `quarantine.jsonl` has file, label, reason and detail; `quarantine.tfrecord.gz` the same with the
    bytes, as tf.Examples.
    """

    TYPE_NAME = "Quarantine"


def to_quarantine_example(entry: Quarantined, image_bytes: bytes) -> bytes:
    """A serialised tf.Example; the image's bytes are empty where there was nothing to read, or too much."""
    texts = {features.FILENAME: entry.file, LABEL: entry.label, REASON: entry.reason, DETAIL: entry.detail}
    feature = {key: _bytes(text.encode(errors="surrogateescape")) for key, text in texts.items()}
    feature[features.ENCODED] = _bytes(image_bytes)
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    serialised: bytes = example.SerializeToString(deterministic=True)
    return serialised


def torn_example(example: bytes) -> bytes:
    """The quarantine's example for a checked image that connects images of different splits."""
    found = tf.train.Example.FromString(example).features.feature
    if features.TARGET in found:
        label = str(found[features.TARGET].float_list.value[0])
    else:
        label = _text(found, features.LABEL_TEXT)
    detail = (
        "it is alike or grouped with images of different splits, which stay where they are; wherever it went, "
        "one split would know of another"
    )
    entry = Quarantined(_text(found, features.FILENAME), label, TORN_BETWEEN_SPLITS, detail)
    return to_quarantine_example(entry, found[features.ENCODED].bytes_list.value[0])


def image_name(example: bytes) -> str:
    """What an example's image is called."""
    return _text(tf.train.Example.FromString(example).features.feature, features.FILENAME)


def write_quarantine(uri: str, records: Iterable[bytes]) -> list[Quarantined]:
    """Writes the examples of `to_quarantine_example` in their order, and the report in that of the names.

    Returns:
        The entries of the report.
    """
    tf.io.gfile.makedirs(uri)
    folder = uri.rstrip("/")
    entries = []
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
    with tf.io.TFRecordWriter(f"{folder}/{RECORDS_FILE}", options) as writer:
        for record in records:
            writer.write(record)
            entries.append(_entry(record))
    entries.sort(key=lambda entry: entry.file)
    # ASCII only: a file name that is not UTF-8 stays readable as an escape. In one write, also when it is empty: GFile
    # creates a file at its first write.
    with tf.io.gfile.GFile(f"{folder}/{REPORT_FILE}", "w") as file:
        file.write("".join(json.dumps(asdict(entry)) + "\n" for entry in entries))
    return entries


def read_report(uri: str) -> list[Quarantined]:
    """Reads the report that `write_quarantine` wrote."""
    with tf.io.gfile.GFile(f"{uri.rstrip('/')}/{REPORT_FILE}") as file:
        return [Quarantined(**json.loads(line)) for line in file if line.strip()]


def described(entries: Sequence[Quarantined]) -> str:
    """How many were put aside, the commonest reasons, and the first few of them; for the end of an error message."""
    if not entries:
        return ""
    reasons = ", ".join(f"{reason} {count}" for reason, count in Counter(e.reason for e in entries).most_common(_NAMED))
    named = "".join(f"\n  {entry.file}: {entry.reason}: {entry.detail}" for entry in entries[:_NAMED])
    if len(entries) > _NAMED:
        named += f"\n  and {len(entries) - _NAMED} more"
    return f" Put aside ({len(entries)}: {reasons}):{named}"


def _entry(record: bytes) -> Quarantined:
    found = tf.train.Example.FromString(record).features.feature
    return Quarantined(*(_text(found, key) for key in (features.FILENAME, LABEL, REASON, DETAIL)))


def _text(found: Any, key: str) -> str:
    text: str = found[key].bytes_list.value[0].decode(errors="surrogateescape")
    return text


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
