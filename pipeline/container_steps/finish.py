"""The step after all others, whatever happened to them: tells Prometheus, writes the run's page, logs to MLflow."""

from __future__ import annotations

import logging
import time
from html import escape

from ml_metadata.errors import StatusError

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.kubernetes_section import PREPARE
from darkroom.errors import DarkroomError
from pipeline.container_steps.notes import StepNote
from pipeline.container_steps.outputs import REPORT, StepOutputs
from pipeline.container_steps.turn import give_back
from pipeline.features import SPLITS
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.report.run_report import RunReport, gather
from pipeline.runs.history import RunHistory
from pipeline.runs.past_run import PastRun
from pipeline.runs.records import RecordedState
from pipeline.runs.run_metrics import Outcome, RunFindings, RunMetrics, push
from pipeline.topology import upstream_nodes
from pipeline.triggers import Decision

_log = logging.getLogger(__name__)


def finish(config: DarkroomConfig, run_id: str, outputs: StepOutputs) -> Outcome:
    """Tells how a run ended.

    Args:
        config: of the run.
        run_id: of the run.
        outputs: takes the page.

    Returns:
        How it ended.

    Raises:
        OSError: the Pushgateway can't be reached, or refuses.
    """
    _remove_workers(config, run_id)
    give_back(config, run_id)
    run = _find(config, run_id)
    note = StepNote.read(config, run_id, PREPARE)
    outcome, sentence = _outcome(config, run_id, run, note)
    _log.info("%s: %s", outcome.value, sentence)
    report = _report(run) if run is not None else None
    outputs.write(REPORT, _page(report) if report is not None else _short_page(config, outcome, sentence))
    outputs.describe({REPORT: {"outcome": outcome.value, "sentence": sentence}})
    if run is not None and report is not None:
        _tell_others(config, run, report)
    # Last, for a step that fails is tried again, and this counts.
    if config.pipeline.pushgateway is not None:
        started = note.started if note is not None and note.started is not None else time.time()
        findings = _findings(report) if report is not None else None
        metrics = RunMetrics(config.model.name, outcome, seconds=time.time() - started, facts=findings)
        push(config.pipeline.pushgateway, metrics)
    return outcome


def _remove_workers(config: DarkroomConfig, run_id: str) -> None:
    """Takes away the job of a Trainer that was killed without a word, before another run may begin."""
    if config.kubeflow.training_job is None:
        return
    from pipeline.training_job.cluster_job import ClusterJob  # noqa: PLC0415 - as in node.py

    try:
        job = ClusterJob(config, run_id, api=None, poll_seconds=0.0)
        if job.remove():
            _log.warning("The Trainer left the %s behind; it is deleted.", job)
    except DarkroomError:
        _log.exception("Whether the Trainer left workers behind is not known")


def _find(config: DarkroomConfig, run_id: str) -> PastRun | None:
    """The run; None where no component began, or the records cannot be read: how it ended is told all the same."""
    try:
        return next((run for run in RunHistory.of(config).runs() if run.run_id == run_id), None)
    except (DarkroomError, StatusError):
        _log.exception("The metadata store cannot be read")
        return None


def _report(run: PastRun) -> RunReport | None:
    """None where an artifact is gone or broken."""
    try:
        return gather(run)
    except (OSError, ValueError, KeyError):
        _log.exception("The run's artifacts cannot be read")
        return None


def _tell_others(config: DarkroomConfig, run: PastRun, report: RunReport) -> None:
    if config.pipeline.otlp_endpoint is not None:
        from pipeline.runs.run_trace import send_trace  # noqa: PLC0415 - an extra

        try:
            send_trace(run, config.model.name, config.pipeline.otlp_endpoint)
        except OSError:
            _log.warning("The run's trace was not sent", exc_info=True)
    if config.pipeline.mlflow_tracking_uri is not None:
        from pipeline.runs.mlflow_log import log_run  # noqa: PLC0415 - an extra

        log_run(report, config.pipeline.mlflow_tracking_uri)


def _outcome(config: DarkroomConfig, run_id: str, run: PastRun | None, note: StepNote | None) -> tuple[Outcome, str]:
    if run is None:
        if note is None:
            return Outcome.FAILED, f"{PREPARE} did not come to its end."
        if note.decision is not Decision.TRAIN:
            return note.outcome, note.sentence
        notes = (StepNote.read(config, run_id, node) for node in upstream_nodes(config))
        left = next((one for one in notes if one is not None), None)
        return (left.outcome, left.sentence) if left else (Outcome.FAILED, "No component came to its end.")
    stopped = _stopped(config, run)
    if stopped is not None:
        left = StepNote.read(config, run_id, stopped)
        return (left.outcome, left.sentence) if left else (Outcome.FAILED, f"{stopped} did not come to its end.")
    if run.pushed_version is not None:
        return Outcome.PUSHED, f"Version {run.pushed_version} was pushed."
    return (Outcome.NOT_PUSHED if run.blessed else Outcome.NOT_BLESSED), f"The model is {run.outcome}."


def _stopped(config: DarkroomConfig, run: PastRun) -> str | None:
    """The first node that did not come to its end; None where all did."""
    ended = (RecordedState.DONE, RecordedState.CACHED)
    open_nodes = [
        node for node in upstream_nodes(config) if node not in run.nodes or run.nodes[node].state not in ended
    ]
    # One that was tried comes before those that waited for it.
    return next((node for node in open_nodes if node in run.nodes), next(iter(open_nodes), None))


def _findings(report: RunReport) -> RunFindings | None:
    """None for a run that did not come so far as to judge a model."""
    if report.evaluation is None or report.data is None or report.model is None or report.blessed is None:
        return None
    facts = DatasetFacts.model_validate(report.data)
    return RunFindings(
        component_seconds={node.name: node.seconds for node in report.nodes},
        images={split: facts.split_size(split) for split in SPLITS},
        quarantined_images=facts.quarantined,
        epochs=report.model["training"]["epochs_run"],
        metrics=report.evaluation.values,
        baseline_metrics=report.evaluation.baseline_values,
        drift=_distances(report),
        blessed=report.blessed,
        pushed_version=report.pushed_version,
    )


def _distances(report: RunReport) -> dict[tuple[str, str, str], float]:
    """The largest of each kind: there are two splits to compare the training split with."""
    found: dict[tuple[str, str, str], float] = {}
    for one in (report.data_check or {}).get("comparisons", ()):
        key = one["kind"], one["feature"], one["measure"]
        found[key] = max(found.get(key, 0.0), one["value"])
    return found


def _page(report: RunReport) -> str:
    # It draws, for which it imports TensorFlow; a run that had nothing to do does not wait for that.
    from pipeline.report.page import render_page  # noqa: PLC0415

    return render_page(report)


def _short_page(config: DarkroomConfig, outcome: Outcome, sentence: str) -> str:
    """For a run without results."""
    title = escape(f"{config.model.name}: {outcome.value.replace('_', ' ')}")
    head = f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    return f"{head}<h1>{title}</h1><p>{escape(sentence)}</p></html>\n"
