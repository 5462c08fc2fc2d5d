"""The trivial predictor, which never looks at an image; what every training must beat."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.features import EVAL_SPLIT
from pipeline.ingestion.dataset_facts import DatasetFacts


@dataclass(frozen=True, slots=True)
class Trivial:
    """What it reaches on the eval split.

    Attributes:
        metric: greater is better.
        value: of the trivial predictor; None where it is not known.
        name: what it does.
    """

    metric: str
    value: float | None
    name: str


def trivial(facts: DatasetFacts) -> Trivial:
    """The one that a data set's task has."""
    if not facts.task.has_classes:
        # R² compares with the mean by its definition.
        return Trivial("val_r2", 0.0, "the mean target")
    counts = facts.counts.get(EVAL_SPLIT, {}).values()
    return Trivial("val_accuracy", max(counts) / sum(counts) if sum(counts) else None, "the commonest class")
