"""What ingestion found, stored with the examples: `dataset.json` in the Examples artifact."""

from __future__ import annotations

import json
from typing import Self

import tensorflow as tf
from pydantic import BaseModel, ConfigDict

_FILE = "dataset.json"


class DatasetFacts(BaseModel):
    """Labels and counts of one set of examples.

    Attributes:
        source: where the images came from.
        labels: class names in id order.
        counts: `{split: {class name: images}}`.
        quarantined: how many files were put aside.
        notes: what people should know about the set, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    labels: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    quarantined: int
    notes: tuple[str, ...] = ()

    def split_size(self, split: str) -> int:
        """How many images a split has."""
        return sum(self.counts.get(split, {}).values())

    def write(self, uri: str) -> None:
        """Writes the facts into an Examples artifact."""
        with tf.io.gfile.GFile(f"{uri.rstrip('/')}/{_FILE}", "w") as file:
            file.write(json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, uri: str) -> Self:
        """Reads the facts of an Examples artifact."""
        with tf.io.gfile.GFile(f"{uri.rstrip('/')}/{_FILE}") as file:
            return cls.model_validate_json(file.read())
