"""What a finished run did, as one value for the command, for machines and for later reports."""

from __future__ import annotations

import json
from typing import Any

import tensorflow as tf
from pydantic import BaseModel, ConfigDict
from tfx.types import Artifact, artifact_utils
from tfx.utils import path_utils

from darkroom.configuration import DarkroomConfig
from darkroom.task import Task
from pipeline.evaluation.report import EvaluationReport
from pipeline.features import SPLITS
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.ingestion.quarantine import read_report
from pipeline.lite_export.lite_model import LiteFacts
from pipeline.model_description import DESCRIPTION_FILE
from pipeline.pusher.refusal import REFUSAL_KEY
from pipeline.runner import NodeResult
from pipeline.serving_check.rule import Rule, read_rules
from pipeline.validation.comparison import Comparison
from pipeline.validation.data_check import DataCheck


class QuarantinedFile(BaseModel):
    """A file that was put aside."""

    model_config = ConfigDict(frozen=True)

    file: str
    label: str
    reason: str
    detail: str


class RunSummary(BaseModel):
    """The outcome of a run.

    Attributes:
        images: how many in each split.
        labels: class names in id order.
        spans: of data that were taken, by name, the oldest first; none of a source without spans.
        quarantined: the files that were put aside.
        notes: what people should know about the data and about the training.
        anomalies: what TFDV's validator found in a split, one sentence each.
        drift: distances between sets of data above their limits, one sentence each.
        comparisons: all distances: to the data before, between splits, to what was served.
        preprocessing_version: of the trained model.
        feeding: how the examples came to the network, and why; None for models of earlier versions.
        export: in which form the network is served, and why; None for models of earlier versions.
        epochs: how many ran.
        tuned: hyperparameters that a search put in place of the configuration's.
        task: what the model predicts.
        metrics: on the test split, by name.
        intervals: of these, lowest and highest value.
        baseline_metrics: of the latest blessed model on the same images; empty without one.
        blessed: whether the model passed the gate.
        reasons: a sentence for each rule of the gate.
        serving: a sentence for each rule of the serving check.
        lite: the LiteRT file's evaluation; None where none is asked for.
        refusals: why a blessed model was not pushed, one sentence each.
        pushed_version, pushed_to: None when the model was not pushed.
        seconds: by component.
    """

    model_config = ConfigDict(frozen=True)

    model_name: str
    images: dict[str, int]
    labels: tuple[str, ...]
    spans: tuple[str, ...]
    quarantined: tuple[QuarantinedFile, ...]
    notes: tuple[str, ...]
    anomalies: tuple[str, ...]
    drift: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    preprocessing_version: str
    feeding: dict[str, Any] | None
    export: str | None
    epochs: int
    tuned: dict[str, Any]
    task: Task
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    baseline_metrics: dict[str, float]
    blessed: bool
    reasons: tuple[str, ...]
    serving: tuple[str, ...]
    lite: LiteFacts | None
    refusals: tuple[str, ...]
    pushed_version: int | None
    pushed_to: str | None
    seconds: dict[str, float]


def summarize(config: DarkroomConfig, results: dict[str, NodeResult]) -> RunSummary:
    """Gathers the summary of a run from the artifacts of its nodes."""
    facts = DatasetFacts.read(_output(results, "ImageExampleGen", "examples").uri)
    refused = read_report(_output(results, "ImageExampleGen", "quarantine").uri)
    check = DataCheck.read(_output(results, "DataValidator", "data_check").uri)
    description = _description(_output(results, "Trainer", "model"))
    blessing = _output(results, "Evaluator", "blessing")
    report = EvaluationReport.read(_output(results, "Evaluator", "evaluation").uri)
    served = read_rules(_output(results, "ServingCheck", "blessing").uri)
    pushed = _output(results, "ModelPusher", "pushed_model")
    is_pushed = pushed.get_int_custom_property("pushed") == 1
    return RunSummary(
        model_name=config.model.name,
        images={split: facts.split_size(split) for split in SPLITS},
        labels=facts.labels,
        spans=facts.spans,
        quarantined=tuple(
            QuarantinedFile(file=entry.file, label=entry.label, reason=entry.reason, detail=entry.detail)
            for entry in refused
        ),
        notes=(*facts.notes, *_training_notes(description["training"])),
        anomalies=check.anomalies,
        drift=tuple(one.sentence for one in check.exceeded),
        comparisons=check.comparisons,
        preprocessing_version=description["preprocessing"]["version"],
        feeding=description["training"].get("feeding"),
        export=description.get("export", {}).get("sentence"),
        epochs=description["training"]["epochs_run"],
        tuned=description["training"].get("tuned", {}),
        task=report.task,
        metrics=report.values,
        intervals=report.intervals,
        baseline_metrics=report.baseline_values,
        blessed=blessing.get_int_custom_property("blessed") == 1,
        reasons=tuple(rule.sentence for rule in report.rules),
        serving=tuple(rule.sentence for rule in served),
        lite=LiteFacts.read(_output(results, "LiteExport", "lite_model").uri) if "LiteExport" in results else None,
        refusals=tuple(_refusals(served, pushed)),
        pushed_version=int(pushed.get_string_custom_property("pushed_version")) if is_pushed else None,
        pushed_to=pushed.get_string_custom_property("pushed_destination") if is_pushed else None,
        seconds={node_id: round(result.seconds, 2) for node_id, result in results.items()},
    )


def _output(results: dict[str, NodeResult], node_id: str, key: str) -> Artifact:
    return artifact_utils.get_single_instance(results[node_id].outputs[key])


def _refusals(served: tuple[Rule, ...], pushed: Artifact) -> list[str]:
    sentences = [rule.sentence for rule in served if rule.passed is False]
    if pushed.has_custom_property(REFUSAL_KEY):
        sentences.append(pushed.get_string_custom_property(REFUSAL_KEY))
    return sentences


def _description(model: Artifact) -> dict[str, Any]:
    path = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
    with tf.io.gfile.GFile(f"{path}/assets.extra/{DESCRIPTION_FILE}") as file:
        description: dict[str, Any] = json.load(file)
    return description


def _training_notes(training: dict[str, Any]) -> list[str]:
    """What the diagnosis found, and what ended or replaced the training."""
    notes = [f"{finding['seen']} {finding['advice']}" for finding in training.get("findings", ())]
    if training.get("fallbacks"):
        notes.append("The weights from elsewhere did not help: this model was trained from scratch.")
    return [*notes, training["ended"]] if training.get("ended") else notes
