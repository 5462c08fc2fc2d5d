"""From a version of a model back to what made it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from darkroom.errors import DarkroomError
from pipeline.report.run_report import gather
from pipeline.runs.past_run import PastRun
from pipeline.runs.records import ArtifactRecord, RecordedState


class Lineage(BaseModel):
    """What made a version.

    Attributes:
        version: in the model repository.
        pushed_to: its folder.
        pushed_in, evaluated_in, trained_in, ingested_in: the runs that did so; earlier ones where results were reused.
        data: source, fingerprint of the input files, number of the newest span, names of the spans, images by split,
            the examples' folder.
        code_revision: the git commit of the configuration's folder in the run that trained.
        packages: versions by name, in that run.
        configuration: of that run.
        parent: what training started from: weights by name, and the version or run of the model of a warm start.
        tuned: hyperparameters that a search found.
        preprocessing_version: of the model.
        evaluation: the artifact's folder, the measures, the gate's sentences.
        baseline: the version or run that it was compared with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    pushed_to: str
    pushed_in: str
    evaluated_in: str
    trained_in: str
    ingested_in: str
    data: dict[str, Any]
    code_revision: str | None
    packages: dict[str, str]
    configuration: dict[str, Any]
    parent: dict[str, str]
    tuned: dict[str, Any]
    preprocessing_version: str
    evaluation: dict[str, Any]
    baseline: str | None


def trace(runs: Sequence[PastRun], version: int) -> Lineage:
    """Follows ML Metadata's events back.

    Args:
        runs: of the pipeline, newest first.
        version: of the model repository.

    Raises:
        DarkroomError: no run pushed it.
    """
    pushing = next((run for run in reversed(runs) if run.pushed_version == version), None)
    if pushing is None:
        known = ", ".join(str(found) for run in runs if (found := run.pushed_version) is not None)
        raise DarkroomError(f"no run pushed a version {version}; there are {known or 'none'}")
    report = gather(pushing)
    pushed, examples = pushing.output("ModelPusher", "pushed_model"), pushing.output("ImageExampleGen", "examples")
    if pushed is None or examples is None or report.model is None or report.evaluation is None:
        raise DarkroomError(f"the run {pushing.run_id} that pushed {version} lacks artifacts in ML Metadata")
    training = _maker(runs, pushing, "Trainer")
    base = training.nodes["Trainer"].inputs.get("base_model", [])
    baseline = pushing.nodes["Evaluator"].inputs.get("baseline_model", [])
    weights = report.model["training"]["weights"]
    parent = {"weights": weights["name"]} if weights else {}
    if base:
        parent["model"] = _name(runs, base[0])
    facts = training.facts
    return Lineage(
        version=version,
        pushed_to=str(pushed.properties["pushed_destination"]),
        pushed_in=pushing.run_id,
        evaluated_in=_maker(runs, pushing, "Evaluator").run_id,
        trained_in=training.run_id,
        ingested_in=_maker(runs, pushing, "ImageExampleGen").run_id,
        data={
            "source": (report.data or {}).get("source"),
            "fingerprint": report.fingerprint,
            "span": examples.properties.get("span"),
            "spans": list((report.data or {}).get("spans", ())),
            "images": report.model["data"]["images"],
            "examples": examples.uri,
        },
        code_revision=facts.code_revision if facts else None,
        packages=facts.packages if facts else report.model["software"],
        configuration=facts.configuration if facts else {},
        parent=parent,
        tuned=report.model["training"].get("tuned", {}),
        preprocessing_version=report.model["preprocessing"]["version"],
        evaluation={
            "artifact": report.artifacts["Evaluator"]["evaluation"],
            "measures": report.evaluation.values,
            "rules": [rule.sentence for rule in report.evaluation.rules],
        },
        baseline=_name(runs, baseline[0]) if baseline else None,
    )


def images_of(examples_uri: str, split: str) -> Iterator[dict[str, Any]]:
    """The images of a split as they trained, were watched or judged: name, SHA-256, label or target.

    Args:
        examples_uri: of the Examples artifact.
        split: `train`, `eval` or `test`.
    """
    import tensorflow as tf  # noqa: PLC0415 - seconds, and only this needs it

    from pipeline import features  # noqa: PLC0415

    files = sorted(tf.io.gfile.glob(f"{examples_uri}/Split-{split}/*"))
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        found = tf.train.Example.FromString(record).features.feature
        image: dict[str, Any] = {
            "split": split,
            "image": found[features.FILENAME].bytes_list.value[0].decode(errors="backslashreplace"),
            "sha256": found[features.SHA256].bytes_list.value[0].decode(),
        }
        if features.TARGET in found:
            image["target"] = found[features.TARGET].float_list.value[0]
        else:
            image["label"] = found[features.LABEL_TEXT].bytes_list.value[0].decode(errors="backslashreplace")
        yield image


def _maker(runs: Sequence[PastRun], run: PastRun, node_id: str) -> PastRun:
    """The run in which a node made what this run may have reused."""
    ids = {artifact.id for found in run.nodes[node_id].outputs.values() for artifact in found}
    for other in reversed(runs):
        node = other.nodes.get(node_id)
        if node is not None and node.state is RecordedState.DONE:
            made = {artifact.id for found in node.outputs.values() for artifact in found}
            if ids & made:
                return other
    return run


def _name(runs: Sequence[PastRun], model: ArtifactRecord) -> str:
    """What people call a model: the version that it was pushed as, or the run that made it."""
    made = [run for run in runs if (found := run.output("Trainer", "model")) is not None and found.id == model.id]
    version = next((run.pushed_version for run in made if run.pushed_version is not None), None)
    if version is not None:
        return f"version {version}"
    return f"the model of run {made[-1].run_id}" if made else model.uri
