"""The runs of a pipeline, newest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from darkroom.configuration import DarkroomConfig
from darkroom.errors import DarkroomError
from pipeline.metadata_connection import metadata_connection, open_store
from pipeline.runs.past_run import PastRun
from pipeline.runs.records import ArtifactRecord, NodeRecord, RecordedState
from pipeline.runs.run_facts import PROPERTY, RunFacts

# TFX's types of contexts.
_RUN = "pipeline_run"
_NODE = "node"
_PIPELINE = "pipeline"

_STATES = {
    metadata_store_pb2.Execution.COMPLETE: RecordedState.DONE,
    metadata_store_pb2.Execution.CACHED: RecordedState.CACHED,
    metadata_store_pb2.Execution.NEW: RecordedState.RUNNING,
    metadata_store_pb2.Execution.RUNNING: RecordedState.RUNNING,
}

_INPUTS = (metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.DECLARED_INPUT)
_OUTPUTS = (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.DECLARED_OUTPUT)


class RunHistory:
    """Reads ML Metadata."""

    def __init__(self, connection: metadata_store_pb2.ConnectionConfig, pipeline: str) -> None:
        """Takes where to look.

        Args:
            connection: of the metadata store.
            pipeline: the pipeline's name.
        """
        self._connection, self._pipeline = connection, pipeline

    @classmethod
    def of(cls, config: DarkroomConfig) -> RunHistory:
        """That of a configuration."""
        return cls(metadata_connection(config), config.pipeline_name)

    def runs(self) -> list[PastRun]:
        """All, newest first; none where the pipeline never ran.

        Raises:
            DarkroomError: the database cannot be opened.
        """
        uri = self._connection.sqlite.filename_uri
        if uri and not Path(uri).exists():
            return []
        store = open_store(self._connection)
        found = [self._run(store, context) for context in self._contexts(store)]
        # Kubeflow's ids of runs are no moments.
        return sorted(found, key=lambda run: (run.started, run.run_id), reverse=True)

    def find(self, name: str) -> PastRun:
        """A run by what people call it.

        Args:
            name: `latest`, the beginning of its id, or the version that it pushed.

        Raises:
            DarkroomError: no run, or several, are called so.
        """
        runs = self.runs()
        if not runs:
            raise DarkroomError(f"The pipeline {self._pipeline} has not run yet; start it with darkroom run")
        if name == "latest":
            return runs[0]
        # A rerun that changes nothing keeps its version: the run that made it came first.
        matching = [run for run in runs if str(run.pushed_version) == name][-1:]
        matching = matching or [run for run in runs if run.run_id.startswith(name)]
        if len(matching) != 1:
            problem = f"several runs begin with {name!r}" if matching else f"no run begins with {name!r} or pushed it"
            known = ", ".join(run.run_id for run in (matching or runs)[:5])
            raise DarkroomError(f"{self._pipeline}: {problem}; there are {known}")
        return matching[0]

    def _contexts(self, store: metadata_store.MetadataStore) -> Iterator[metadata_store_pb2.Context]:
        if not any(kind.name == _PIPELINE for kind in store.get_context_types()):
            return
        pipeline = store.get_context_by_type_and_name(_PIPELINE, self._pipeline)
        if pipeline is not None:
            yield from (child for child in store.get_children_contexts_by_context(pipeline.id) if child.type == _RUN)

    def _run(self, store: metadata_store.MetadataStore, context: metadata_store_pb2.Context) -> PastRun:
        executions = sorted(store.get_executions_by_context(context.id), key=lambda one: one.id)
        artifacts = _artifacts(store, [one.id for one in executions])
        nodes = {}
        for execution in executions:
            contexts = store.get_contexts_by_execution(execution.id)
            name = next((one.name for one in contexts if one.type == _NODE), execution.type)
            nodes[name.removeprefix(f"{self._pipeline}.")] = _node(execution, artifacts)
        times = [time for one in executions for time in (one.create_time_since_epoch, one.last_update_time_since_epoch)]
        times = times or [context.create_time_since_epoch]
        stored = context.custom_properties[PROPERTY].string_value if PROPERTY in context.custom_properties else ""
        return PastRun(
            run_id=context.name,
            pipeline=self._pipeline,
            started=_moment(min(times)),
            ended=_moment(max(times)),
            nodes=nodes,
            facts=RunFacts.model_validate_json(stored) if stored else None,
        )


def describe_run(connection: metadata_store_pb2.ConnectionConfig, run_id: str, facts: RunFacts) -> None:
    """Writes a run's facts into its context, which the launch of its first node has made; once."""
    store = metadata_store.MetadataStore(connection)
    context = store.get_context_by_type_and_name(_RUN, run_id)
    if context is not None and PROPERTY not in context.custom_properties:
        context.custom_properties[PROPERTY].string_value = facts.model_dump_json()
        store.put_contexts([context])


_Artifacts = dict[tuple[int, bool], dict[str, list[ArtifactRecord]]]


def _artifacts(store: metadata_store.MetadataStore, executions: list[int]) -> _Artifacts:
    """By execution and whether they went in, by key."""
    found: _Artifacts = defaultdict(lambda: defaultdict(list))
    if not executions:
        return found
    events = [one for one in store.get_events_by_execution_ids(executions) if one.type in (*_INPUTS, *_OUTPUTS)]
    by_id = {one.id: one for one in store.get_artifacts_by_id(sorted({event.artifact_id for event in events}))}
    for event in events:
        artifact = by_id[event.artifact_id]
        properties = {**_values(artifact.properties), **_values(artifact.custom_properties)}
        found[event.execution_id, event.type in _INPUTS][event.path.steps[0].key].append(
            ArtifactRecord(artifact.id, artifact.type, artifact.uri, properties)
        )
    return found


def _node(execution: metadata_store_pb2.Execution, artifacts: _Artifacts) -> NodeRecord:
    return NodeRecord(
        id=execution.id,
        state=_STATES.get(execution.last_known_state, RecordedState.FAILED),
        started=_moment(execution.create_time_since_epoch),
        seconds=(execution.last_update_time_since_epoch - execution.create_time_since_epoch) / 1000,
        properties={**_values(execution.properties), **_values(execution.custom_properties)},
        inputs=dict(artifacts[execution.id, True]),
        outputs=dict(artifacts[execution.id, False]),
    )


def _values(properties: Any) -> dict[str, Any]:
    return {name: getattr(value, value.WhichOneof("value")) for name, value in properties.items()}


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
