"""The quarantine artifact: files that were put aside, each with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

import tensorflow as tf
from tfx.types.artifact import Artifact

from pipeline.ingestion.labelled_image import Quarantined

REPORT_FILE = "quarantine.jsonl"


class Quarantine(Artifact):
    """Files that ingestion refused: `quarantine.jsonl` with file, label, reason and detail."""

    TYPE_NAME = "Quarantine"


def write_report(uri: str, entries: Iterable[Quarantined]) -> None:
    """Writes one JSON object a line, in file order."""
    tf.io.gfile.makedirs(uri)
    # ASCII only: a file name that is not UTF-8 stays readable as an escape.
    lines = [json.dumps(asdict(entry)) + "\n" for entry in sorted(entries, key=lambda entry: entry.file)]
    with tf.io.gfile.GFile(f"{uri.rstrip('/')}/{REPORT_FILE}", "w") as file:
        # In one write, also when it is empty: GFile creates a file at its first write.
        file.write("".join(lines))


def read_report(uri: str) -> list[Quarantined]:
    """Reads what `write_report` wrote."""
    with tf.io.gfile.GFile(f"{uri.rstrip('/')}/{REPORT_FILE}") as file:
        return [Quarantined(**json.loads(line)) for line in file if line.strip()]
