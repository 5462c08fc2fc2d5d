"""Running the pipeline on this machine, node by node, through TFX's portable launcher."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import Artifact

from darkroom.errors import TrainingPausedError
from pipeline.reuse import ended_not_reusable


class NodeState(StrEnum):
    """How a node of the pipeline ended."""

    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    # Its session's time was up; the next run goes on with it.
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class NodeResult:
    """One node of one run.

    Attributes:
        node_id: the component's name.
        state: how it ended.
        seconds: how long it took.
        inputs: the artifacts it read, by key.
        outputs: the artifacts it wrote or reused, by key.
    """

    node_id: str
    state: NodeState
    seconds: float
    inputs: dict[str, list[Artifact]] = field(default_factory=dict)
    outputs: dict[str, list[Artifact]] = field(default_factory=dict)


class NodeFailedError(Exception):
    """A node failed; the cause is the error it raised.

    Attributes:
        node_id: the component's name.
    """

    def __init__(self, node_id: str) -> None:
        super().__init__(f"{node_id} failed")
        self.node_id = node_id


def run_pipeline(
    pipeline: tfx_pipeline.Pipeline,
    *,
    on_start: Callable[[str], None],
    on_end: Callable[[NodeResult], None],
    run_id: str | None = None,
) -> dict[str, NodeResult]:
    """Runs every node in topological order.

    Args:
        pipeline: with a metadata connection.
        on_start: called with a node's id before it runs.
        on_end: called with its result, also when it failed or paused.
        run_id: of the run in ML Metadata; this moment when not given.

    Returns:
        The results by node id.

    Raises:
        NodeFailedError: from the error of the node that failed; later nodes do not run.
    """
    ir = _compiled(pipeline, run_id or new_run_id())
    results: dict[str, NodeResult] = {}
    for node in ir.nodes:
        node_id = node.pipeline_node.node_info.id
        on_start(node_id)
        start = time.monotonic()
        try:
            results[node_id] = launch_node(ir, node.pipeline_node)
        except Exception as error:
            state = NodeState.PAUSED if isinstance(error, TrainingPausedError) else NodeState.FAILED
            on_end(NodeResult(node_id, state, time.monotonic() - start))
            raise NodeFailedError(node_id) from error
        on_end(results[node_id])
    return results


def run_node(pipeline: tfx_pipeline.Pipeline, node_id: str, run_id: str) -> NodeResult:
    """Runs one node of a pipeline; those before it have run, here or elsewhere.

    Args:
        pipeline: with a metadata connection that all nodes share.
        node_id: the component's name.
        run_id: of the run in ML Metadata, the same for all its nodes.

    Raises:
        KeyError: the pipeline has no such node.
        Exception: what the node raised.
    """
    ir = _compiled(pipeline, run_id)
    nodes = {node.pipeline_node.node_info.id: node.pipeline_node for node in ir.nodes}
    if node_id not in nodes:
        raise KeyError(f"the pipeline has no node {node_id}; it has {', '.join(nodes)}")
    return launch_node(ir, nodes[node_id])


def _compiled(pipeline: tfx_pipeline.Pipeline, run_id: str) -> pipeline_pb2.Pipeline:
    ir = compiler.Compiler().compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
    return ir


def new_run_id() -> str:
    """This moment, in ISO 8601."""
    return datetime.now(UTC).isoformat()


def launch_node(ir: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode) -> NodeResult:
    """Runs one node of a compiled pipeline: driver, executor (unless cached), publisher."""
    node_id = node.node_info.id
    deployment = runner_utils.extract_local_deployment_config(ir)
    connection_config = _connection_config(deployment.metadata_connection_config)
    with metadata.Metadata(connection_config) as store:
        if ended_not_reusable(store.store, ir.pipeline_info.id, node_id):
            node.execution_options.caching_options.enable_cache = False
    start = time.monotonic()
    execution = launcher.Launcher(
        pipeline_node=node,
        mlmd_connection=metadata.Metadata(connection_config),
        pipeline_info=ir.pipeline_info,
        pipeline_runtime_spec=ir.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(deployment, node_id),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node_id),
    ).launch()
    seconds = time.monotonic() - start
    if execution is None or execution.execution_id is None:
        return NodeResult(node_id, NodeState.DONE, seconds)
    with metadata.Metadata(connection_config) as store:
        [record] = store.store.get_executions_by_id([execution.execution_id])
        cached = record.last_known_state == metadata_store_pb2.Execution.CACHED
        return NodeResult(
            node_id,
            NodeState.CACHED if cached else NodeState.DONE,
            seconds,
            inputs=_as_lists(execution_lib.get_input_artifacts(store, execution.execution_id)),
            outputs=_as_lists(execution_lib.get_output_artifacts(store, execution.execution_id)),
        )


def _connection_config(config: Any) -> Any:
    return getattr(config, config.WhichOneof("connection_config"))


def _as_lists(artifacts: Any) -> dict[str, list[Artifact]]:
    return {key: list(values) for key, values in artifacts.items()}
