"""A step that runs one node of the pipeline through TFX's portable launcher."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.kubernetes_section import TRAINER
from pipeline.container_steps.outputs import StepOutputs, metadata_of
from pipeline.distribution.launcher import launching_with
from pipeline.evaluation.report import EvaluationReport
from pipeline.metadata_connection import metadata_connection
from pipeline.pipeline import create_pipeline
from pipeline.runner import NodeResult, run_node
from pipeline.runs.history import describe_run
from pipeline.runs.run_facts import facts_of

_log = logging.getLogger(__name__)


def run_step(config: DarkroomConfig, node_id: str, run_id: str, outputs: StepOutputs) -> NodeResult:
    """Runs a node whose inputs earlier steps of the run have left in the metadata store.

    Args:
        config: of the run.
        node_id: of the node.
        run_id: of the run, the same in all its steps.
        outputs: takes what Kubeflow shows.

    Raises:
        Exception: what the node raised.
    """
    with _launching(config, node_id, run_id):
        result = run_node(create_pipeline(config), node_id, run_id)
    _log.info("%s %s in %.1f s", node_id, result.state.value, result.seconds)
    # Each step is a process of its own, and that this one ends says nothing about the run.
    describe_run(metadata_connection(config), run_id, facts_of(config).model_copy(update={"process": None}))
    if "evaluation" in result.outputs:
        outputs.describe(metadata_of(EvaluationReport.read(result.outputs["evaluation"][0].uri)))
    return result


def _launching(config: DarkroomConfig, node_id: str, run_id: str) -> AbstractContextManager[None]:
    """Has the workers of a training started in the cluster, where that is asked for."""
    if node_id != TRAINER or config.kubeflow.training_job is None:
        return nullcontext()
    from pipeline.training_job.runner import TrainingJob  # noqa: PLC0415 - Kubernetes' client, which few steps need

    return launching_with(TrainingJob(config, run_id))
