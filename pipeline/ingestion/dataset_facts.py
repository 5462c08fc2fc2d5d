"""What ingestion found, stored with the examples: `dataset.json` in the Examples artifact."""

from __future__ import annotations

import json
from typing import Self

from pydantic import BaseModel, ConfigDict

from darkroom.task import Task
from pipeline.artifact_files import read_text, write_text

_FILE = "dataset.json"


class TargetFacts(BaseModel):
    """The targets of one split of a regression.

    Attributes:
        count: how many images there are.
        mean, deviation: of the targets; the deviation is the population's (divided by the count).
        minimum, maximum: of the targets.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int
    mean: float
    deviation: float
    minimum: float
    maximum: float


class DatasetFacts(BaseModel):
    """Labels and counts of one set of examples.

    Attributes:
        source: where the images came from.
        task: what the labels are: classes, or numbers.
        labels: class names in id order; of a binary task the negative class and then the positive one; none of a
            regression.
        counts: `{split: {class name: images}}`; empty for a regression.
        targets: of a regression, by split; a split without images is not there.
        quarantined: how many files were put aside.
        notes: what people should know about the set, one sentence each.
        spans: the names of the spans that were taken, the oldest first; none of a source without spans.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    task: Task = Task.MULTICLASS
    labels: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    targets: dict[str, TargetFacts] = {}
    quarantined: int
    notes: tuple[str, ...] = ()
    spans: tuple[str, ...] = ()

    def split_size(self, split: str) -> int:
        """How many images a split has."""
        if self.task is Task.REGRESSION:
            return self.targets[split].count if split in self.targets else 0
        return sum(self.counts.get(split, {}).values())

    def write(self, uri: str) -> None:
        """Writes the facts into an Examples artifact."""
        text = json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
        write_text(f"{uri.rstrip('/')}/{_FILE}", text)

    @classmethod
    def read(cls, uri: str) -> Self:
        """Reads the facts of an Examples artifact."""
        return cls.model_validate_json(read_text(f"{uri.rstrip('/')}/{_FILE}"))
