"""Runs as rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

from darkroom.task import MAIN_METRICS
from pipeline.evaluation.report import EvaluationReport
from pipeline.runs.past_run import PastRun


class RunRow(BaseModel):
    """One run.

    Attributes:
        run: its id.
        model: the model's name, where it is known.
        description: the user's own words.
        outcome: in a few words: the verdict, or where it failed.
        blessed: None where it did not come to the gate.
        version: that it pushed.
        metrics: the chosen ones, by name.
        test_set: fingerprint of the images that they were measured on.
        test_images: how many.
        spans: names of the spans of data that were taken, with commas between; None without any.
        code_revision: the git commit of the configuration's folder.
        seconds: from its first node's start to its last one's end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    model: str
    description: str
    outcome: str
    blessed: bool | None
    version: int | None
    metrics: dict[str, float | None]
    test_set: str | None
    test_images: int | None
    spans: str | None
    code_revision: str | None
    seconds: float

    def cells(self) -> dict[str, Any]:
        """Flat, for a table or CSV."""
        found = self.model_dump(exclude={"metrics"})
        return {**found, **self.metrics}


def rows(runs: Iterable[PastRun], metrics: tuple[str, ...] = ()) -> list[RunRow]:
    """A row for each run.

    Args:
        runs: in order.
        metrics: names; without any, the main ones of each run's task.
    """
    found = []
    for run in runs:
        artifact = run.output("Evaluator", "evaluation")
        report = _report(artifact.uri) if artifact is not None else None
        chosen = metrics or (MAIN_METRICS[report.task] if report else ())
        facts = run.facts
        found.append(
            RunRow(
                run=run.run_id,
                model=facts.configuration.get("model", {}).get("name", run.pipeline) if facts else run.pipeline,
                description=facts.description if facts else "",
                outcome=run.outcome,
                blessed=run.blessed,
                version=run.pushed_version,
                metrics={name: report.values.get(name) if report else None for name in chosen},
                test_set=report.test_set if report else None,
                test_images=report.images if report else None,
                spans=run.spans,
                code_revision=facts.code_revision if facts else None,
                seconds=round((run.ended - run.started).total_seconds(), 1),
            )
        )
    return found


def _report(uri: str) -> EvaluationReport | None:
    """None where the artifact's files were removed since."""
    try:
        return EvaluationReport.read(uri)
    except FileNotFoundError:
        return None
