"""What an evaluation found, as one value: for the gate, the run's summary, the page and the model's description."""

from __future__ import annotations

import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from darkroom.task import Task
from pipeline.artifact_files import read_text, write_text

_FILE = "report.json"


class Measured(BaseModel):
    """A measure's value on the test split.

    Attributes:
        value: None where it is not defined.
        low, high: its confidence interval; None where none was made.
        baseline: of the latest blessed model on the same images; None without one.
        p_value: how often chance alone makes a difference as large; None where that is not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float | None
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    p_value: float | None = None


class SliceMeasures(BaseModel):
    """A part of the test split.

    Attributes:
        slice, value: which part.
        images: how many it has.
        measures: by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    slice: str
    value: str
    images: int
    measures: dict[str, Measured]


class RuleResult(BaseModel):
    """What came of a rule.

    Attributes:
        sentence: what was required, what was measured, passed or not.
        passed: whether the model may be blessed as far as this rule goes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sentence: str
    passed: bool


class Mistake(BaseModel):
    """An image that the model is most wrong about.

    Attributes:
        filename: as the source named it.
        sha256: of its bytes.
        label: the right class's name, or the target.
        predicted: the likeliest class's name, or the value.
        confidence: that class's probability; None in a regression.
        of_label: the right class's probability; None in a regression.
        error: of a regression, predicted less target.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    filename: str
    sha256: str
    label: str
    predicted: str
    confidence: float | None = None
    of_label: float | None = None
    error: float | None = None


class EvaluationReport(BaseModel):
    """All of it.

    Attributes:
        task: what was predicted.
        labels: class names in id order.
        images: in the test split.
        looked_at: of these, those that intervals, slices and curves are about.
        test_set: fingerprint of these images: numbers of two evaluations compare where it is the same.
        confidence: of the intervals.
        measures: of the whole, by name.
        trivial: the same measures of the predictor that never looks at an image.
        trivial_answer: what that one always says.
        baseline_note: why nothing was compared; None where it was.
        slices: the parts.
        curves: points to draw, by name (`pipeline.evaluation.curves`).
        mistakes: the worst first.
        rules: the gate's, in order.
        tfma: TFMA's own values over the whole, by its names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    labels: tuple[str, ...]
    images: int
    looked_at: int
    test_set: str
    confidence: float
    measures: dict[str, Measured]
    trivial: dict[str, float | None]
    trivial_answer: str
    baseline_note: str | None
    slices: tuple[SliceMeasures, ...]
    curves: dict[str, Any]
    mistakes: tuple[Mistake, ...]
    rules: tuple[RuleResult, ...]
    tfma: dict[str, float]

    @property
    def blessed(self) -> bool:
        """Whether every rule passed."""
        return all(rule.passed for rule in self.rules)

    @property
    def values(self) -> dict[str, float]:
        """The measures that are defined."""
        return {name: measured.value for name, measured in self.measures.items() if measured.value is not None}

    @property
    def baseline_values(self) -> dict[str, float]:
        """The same of the baseline; empty without one."""
        return {name: measured.baseline for name, measured in self.measures.items() if measured.baseline is not None}

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """The confidence intervals that there are."""
        return {
            name: (measured.low, measured.high)
            for name, measured in self.measures.items()
            if measured.low is not None and measured.high is not None
        }

    def write(self, evaluation_uri: str) -> None:
        """Writes it into the evaluation artifact."""
        text = json.dumps(self.model_dump(mode="json"), ensure_ascii=False) + "\n"
        write_text(f"{evaluation_uri.rstrip('/')}/{_FILE}", text)

    @classmethod
    def read(cls, evaluation_uri: str) -> Self:
        """Reads that of an evaluation artifact."""
        return cls.model_validate_json(read_text(f"{evaluation_uri.rstrip('/')}/{_FILE}"))
