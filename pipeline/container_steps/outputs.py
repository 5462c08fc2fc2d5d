"""What a step hands to Kubeflow beside its own artifacts: numbers and pages that Kubeflow's pages show.

A step leaves files where Kubeflow says, and one JSON document with their metadata:
https://www.kubeflow.org/docs/components/pipelines/user-guides/data-handling/artifacts
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkroom.errors import ConfigurationError
from pipeline.evaluation.report import EvaluationReport

# Names of outputs.
METRICS, CONFUSION_MATRIX, REPORT = "metrics", "confusion_matrix", "report"
DECISION = "decision"

# A larger table is no picture any more, and metadata are kept in a database's column.
_MOST_CLASSES = 100


@dataclass(frozen=True, slots=True)
class StepOutputs:
    """Where a step's outputs go.

    Attributes:
        paths: a local file for each output; Kubeflow moves it to its own storage.
        executor_input: Kubeflow's own JSON about the step; empty outside Kubeflow.
    """

    paths: Mapping[str, Path] = field(default_factory=dict)
    executor_input: str = ""

    def write(self, name: str, text: str) -> None:
        """Writes an output; nothing where nobody asked for it."""
        if name in self.paths:
            path = self.paths[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def describe(self, metadata: Mapping[str, Mapping[str, Any]]) -> None:
        """Gives artifacts their metadata; nothing outside Kubeflow.

        Raises:
            ConfigurationError: what was said to be Kubeflow's JSON is not.
        """
        if not self.executor_input:
            return
        try:
            outputs = json.loads(self.executor_input)["outputs"]
            described = {}
            for name, values in metadata.items():
                [artifact] = outputs["artifacts"][name]["artifacts"]
                described[name] = {"artifacts": [{**_identity(artifact), "metadata": dict(values)}]}
            target = Path(outputs["outputFile"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"--executor-input is not what Kubeflow gives a step: {error!r}") from error
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps({"artifacts": described}), encoding="utf-8")


def _identity(artifact: Mapping[str, Any]) -> dict[str, Any]:
    return {key: artifact[key] for key in ("name", "uri") if key in artifact}


def metadata_of(report: EvaluationReport) -> dict[str, dict[str, Any]]:
    """An evaluation as metadata of `system.Metrics` and `system.ClassificationMetrics`."""
    described: dict[str, dict[str, Any]] = {
        METRICS: {
            **report.values,
            **{f"baseline_{name}": value for name, value in report.baseline_values.items()},
            "images": report.images,
            "blessed": float(report.blessed),
        }
    }
    matrix = report.curves.get("confusion")
    if matrix is not None and len(report.labels) <= _MOST_CLASSES:
        described[CONFUSION_MATRIX] = {
            "confusionMatrix": {
                "annotationSpecs": [{"displayName": label} for label in report.labels],
                "rows": [{"row": row} for row in matrix],
            }
        }
    return described
