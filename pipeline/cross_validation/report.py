"""What came of a cross-validation."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from darkroom.task import Task


class FoldReport(BaseModel):
    """One model.

    Attributes:
        fold: that judged it, from 1.
        train, eval, test: how many images trained it, were watched, judged it.
        epochs: how many ran.
        seconds: duration of the training.
        metrics: on the fold that judged it; None where one is not defined.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fold: int
    train: int
    eval: int
    test: int
    epochs: int
    seconds: float
    metrics: dict[str, float | None]


class CrossValidation(BaseModel):
    """All of them.

    Attributes:
        task: what is predicted.
        labels: class names in id order; none of a regression.
        spans: of data that were taken, by name.
        images: how many were dealt.
        held_out: how many are in the test split, which nothing has seen.
        folds: in order.
        notes: what people should know about the folds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    labels: tuple[str, ...]
    spans: tuple[str, ...]
    images: int
    held_out: int
    folds: tuple[FoldReport, ...]
    notes: tuple[str, ...] = ()

    @property
    def means(self) -> dict[str, float | None]:
        """The mean over the folds; None where a fold has no value."""
        return {name: None if values is None else float(np.mean(values)) for name, values in self._values().items()}

    @property
    def deviations(self) -> dict[str, float | None]:
        """The standard deviation over the folds, of a sample (divided by the number of folds less one)."""
        return {
            name: None if values is None else float(np.std(values, ddof=1)) for name, values in self._values().items()
        }

    def _values(self) -> dict[str, list[float] | None]:
        found: dict[str, list[float] | None] = {}
        for name in self.folds[0].metrics:
            values = [value for fold in self.folds if (value := fold.metrics[name]) is not None]
            found[name] = values if len(values) == len(self.folds) else None
        return found
