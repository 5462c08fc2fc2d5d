"""All that is known of a run, gathered from its artifacts."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from pydantic import BaseModel, ConfigDict

from pipeline.artifact_files import LITE_FACTS_FILE, SERVING_CHECK_FILE, read_text
from pipeline.evaluation.report import EvaluationReport
from pipeline.model_description import DESCRIPTION_FILE
from pipeline.pusher.refusal import REFUSAL_KEY
from pipeline.runs.past_run import PastRun

# Of the quarantine a page names so many; the artifact holds them all.
_NAMED_FILES = 20


class NodeReport(BaseModel):
    """A component's part in the run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    state: str
    seconds: float


class RunReport(BaseModel):
    """A run, ready for JSON; parts that the run did not come to are None.

    Attributes:
        run_id: the moment of its start.
        pipeline: its name.
        description: the user's own words.
        started, ended: ISO 8601.
        outcome: in a few words.
        blessed: whether the gate let the model pass.
        pushed_version: in the model repository.
        nodes: in the order in which they ran.
        data: facts of the examples (`dataset.json`).
        data_check: how they compare with the data before, between splits, with what was served (`data_check.json`);
            None for runs of earlier versions.
        put_aside: how many files of each reason.
        put_aside_files: the first of them.
        model: the exported model's description (`darkroom.json`).
        history: values of each metric by epoch.
        evaluation: what the gate measured and said.
        serving_check: its rules, each with `sentence` and `passed`, which is None where nothing was required.
        refusal: why a blessed model was not pushed.
        lite: the LiteRT file's evaluation; None where none was asked for.
        artifacts: where they lie, by node and key.
        fingerprint: of the input files.
        code_revision, packages, configuration: what it ran with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    pipeline: str
    description: str
    started: str
    ended: str
    outcome: str
    blessed: bool | None
    pushed_version: int | None
    nodes: tuple[NodeReport, ...]
    data: dict[str, Any] | None
    data_check: dict[str, Any] | None
    put_aside: dict[str, int]
    put_aside_files: tuple[dict[str, Any], ...]
    model: dict[str, Any] | None
    history: dict[str, list[Any]] | None
    evaluation: EvaluationReport | None
    serving_check: tuple[dict[str, Any], ...]
    refusal: str | None
    lite: dict[str, Any] | None
    artifacts: dict[str, dict[str, str]]
    fingerprint: str | None
    code_revision: str | None
    packages: dict[str, str]
    configuration: dict[str, Any]


def gather(run: PastRun) -> RunReport:
    """Reads what a run left.

    Raises:
        OSError: an artifact that ML Metadata knows is gone.
    """
    examples, model = run.output("ImageExampleGen", "examples"), run.output("Trainer", "model")
    model_run, evaluation = run.output("Trainer", "model_run"), run.output("Evaluator", "evaluation")
    quarantine = run.output("ImageExampleGen", "quarantine")
    served, pushed = run.output("ServingCheck", "blessing"), run.output("ModelPusher", "pushed_model")
    check = run.output("DataValidator", "data_check")
    lite = run.output("LiteExport", "lite_model")
    refused = _lines(f"{quarantine.uri}/quarantine.jsonl") if quarantine else []
    facts = run.facts
    return RunReport(
        run_id=run.run_id,
        pipeline=run.pipeline,
        description=facts.description if facts else "",
        started=run.started.isoformat(timespec="seconds"),
        ended=run.ended.isoformat(timespec="seconds"),
        outcome=run.outcome,
        blessed=run.blessed,
        pushed_version=run.pushed_version,
        nodes=tuple(
            NodeReport(name=name, state=str(node.state), seconds=node.seconds) for name, node in run.nodes.items()
        ),
        data=json.loads(read_text(f"{examples.uri}/dataset.json")) if examples else None,
        data_check=json.loads(read_text(f"{check.uri}/data_check.json")) if check else None,
        put_aside=dict(Counter(entry["reason"] for entry in refused).most_common()),
        put_aside_files=tuple(refused[:_NAMED_FILES]),
        model=json.loads(read_text(f"{serving_folder(model.uri)}/assets.extra/{DESCRIPTION_FILE}")) if model else None,
        history=json.loads(read_text(f"{model_run.uri}/history.json")) if model_run else None,
        evaluation=EvaluationReport.read(evaluation.uri) if evaluation else None,
        serving_check=tuple(json.loads(read_text(f"{served.uri}/{SERVING_CHECK_FILE}"))) if served else (),
        refusal=pushed.properties.get(REFUSAL_KEY) if pushed else None,
        lite=json.loads(read_text(f"{lite.uri}/{LITE_FACTS_FILE}")) if lite else None,
        artifacts={
            name: {key: found[0].uri for key, found in node.outputs.items() if found}
            for name, node in run.nodes.items()
            if node.outputs
        },
        fingerprint=examples.properties.get("input_fingerprint") if examples else None,
        code_revision=facts.code_revision if facts else None,
        packages=facts.packages if facts else {},
        configuration=facts.configuration if facts else {},
    )


def serving_folder(model_uri: str) -> str:
    """The SavedModel in a Model artifact, as TFX lays it out."""
    return f"{model_uri.rstrip('/')}/Format-Serving"


def _lines(uri: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read_text(uri).splitlines() if line.strip()]
