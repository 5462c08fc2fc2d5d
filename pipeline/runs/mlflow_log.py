"""Runs in MLflow tracking, beside what ML Metadata keeps."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from darkroom.errors import DarkroomError
from pipeline.report.card import CARD_FILE, card_of
from pipeline.report.run_report import RunReport
from pipeline.runs.comparison import flat

# MLflow's own limit for the value of a parameter.
_LONGEST_VALUE = 6000

# What decides about the model; the rest of the configuration is in the report.
_SECTIONS = ("data", "preprocessing", "model", "training", "evaluation")


class MlflowFailedError(DarkroomError):
    """MLflow took nothing, or only a part: not installed, not reachable, or it refused."""


def log_run(report: RunReport, tracking_uri: str, page: Path | None = None) -> str:
    """Logs a run: configuration as parameters, measures, a value of each curve by epoch, page and model card.

    Args:
        report: of the run; one that failed is logged as failed.
        tracking_uri: MLflow's: a server's address, or whatever its client takes.
        page: the run's HTML page.

    Returns:
        MLflow's id of the run.

    Raises:
        MlflowFailedError: of any kind.
    """
    try:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MlflowFailedError(
            "pipeline.mlflow_tracking_uri is set, but MLflow is not installed; install darkroom[mlflow]"
        ) from error
    try:
        return _logged(report, tracking_uri, page)
    except (MlflowException, OSError) as error:
        first = str(error).strip().splitlines()[0]
        raise MlflowFailedError(
            f"pipeline.mlflow_tracking_uri: the run was not logged to MLflow at {tracking_uri}: {first}"
        ) from error


def _logged(report: RunReport, tracking_uri: str, page: Path | None) -> str:
    from mlflow import MlflowClient  # noqa: PLC0415 - an extra
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415

    client = MlflowClient(tracking_uri)
    found = client.get_experiment_by_name(report.pipeline)
    experiment = found.experiment_id if found else client.create_experiment(report.pipeline)
    run = client.create_run(experiment, run_name=report.run_id, tags=_tags(report))
    run_id = str(run.info.run_id)
    metrics = [
        Metric(name, value, 0, 0) for name, value in (report.evaluation.values if report.evaluation else {}).items()
    ]
    for name, values in (report.history or {}).items():
        metrics += [
            Metric(f"training/{name}", value, 0, step)
            for step, value in enumerate(values, start=1)
            if isinstance(value, (int, float))
        ]
    parameters = [Param(key, str(value)[:_LONGEST_VALUE]) for key, value in _parameters(report).items()]
    # MLflow takes so many at once.
    for start in range(0, max(len(metrics), 1), 1000):
        client.log_batch(run_id, metrics=metrics[start : start + 1000])
    for start in range(0, max(len(parameters), 1), 100):
        client.log_batch(run_id, params=parameters[start : start + 100])
    client.log_batch(run_id, tags=[RunTag("darkroom.outcome", report.outcome)])
    if page is not None:
        client.log_artifact(run_id, str(page))
    if report.model is not None:
        with tempfile.TemporaryDirectory() as folder:
            card = Path(folder, CARD_FILE)
            card.write_text(card_of(report), encoding="utf-8")
            client.log_artifact(run_id, str(card))
    client.set_terminated(run_id, "FINISHED" if report.blessed is not None else "FAILED")
    return run_id


def _parameters(report: RunReport) -> dict[str, Any]:
    configuration = {key: value for key, value in report.configuration.items() if key in _SECTIONS}
    return {key: value for key, value in flat(configuration).items() if value is not None}


def _tags(report: RunReport) -> dict[str, str]:
    found = {
        "darkroom.run": report.run_id,
        "darkroom.blessed": str(report.blessed),
        "darkroom.version": str(report.pushed_version or ""),
        "darkroom.test_set": report.evaluation.test_set if report.evaluation else "",
        "mlflow.note.content": report.description,
    }
    if report.code_revision is not None:
        found["mlflow.source.git.commit"] = report.code_revision.removesuffix("+changes")
    return found
