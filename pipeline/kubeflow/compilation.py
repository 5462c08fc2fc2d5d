"""From a configuration to the intermediate representation (IR) that Kubeflow Pipelines v2 runs."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from google.protobuf import json_format
from kfp import dsl
from kfp.dsl import PipelineTask, graph_component, structures

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.kubernetes_section import FINISH, PREPARE, TRAINER
from darkroom.errors import ConfigurationError
from pipeline.container_steps.outputs import DECISION
from pipeline.kubeflow.parameters import RunParameter, run_parameters
from pipeline.kubeflow.placing import place, tell_of_pod
from pipeline.kubeflow.steps import RUN_ID, step_component
from pipeline.names import kebab_case
from pipeline.topology import upstream_nodes
from pipeline.triggers import Decision, Trigger
from pipeline.yaml_text import yaml_of

# Linux takes no argument of 128 KiB (MAX_ARG_STRLEN); the configuration is one.
_LONGEST_CONFIGURATION = 100 * 1024


def compile_pipeline(config: DarkroomConfig, text: str, trigger: Trigger = Trigger.MANUAL) -> str:
    """The pipeline as YAML: the specification, and in a second document what only Kubernetes knows of.

    Args:
        config: with `pipeline.metadata`, which steps on several machines need.
        text: of the configuration; it travels as the default of a parameter.
        trigger: the default for why a run was started.

    Raises:
        ConfigurationError: steps could not share what they must, or `kubeflow.parameters` names no key.
    """
    _check(config, text)
    _check_training(config)
    parameters = run_parameters(config, text, trigger.value)

    def tasks(*channels: Any) -> None:
        arguments = dict(zip((parameter.name for parameter in parameters), channels, strict=True))
        _add_tasks(config, parameters, arguments)

    # KFP reads the parameters' names from here; their types and defaults from the specification below.
    tasks.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(parameter.name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for parameter in parameters]
    )
    if config.kubeflow.artifact_root is not None:
        tasks.pipeline_root = config.kubeflow.artifact_root  # type: ignore[attr-defined]
    specification = structures.ComponentSpec(
        name=kubeflow_name(config),
        description=f"Trains, judges and pushes the model {config.model.name}.",
        inputs={
            parameter.name: structures.InputSpec(type=parameter.type, default=parameter.default, optional=True)
            for parameter in parameters
        },
        implementation=structures.Implementation(),
    )
    with warnings.catch_warnings():
        # About its own deprecated fields, which it fills in itself.
        warnings.simplefilter("ignore")
        pipeline = graph_component.GraphComponent(specification, tasks, display_name=config.pipeline_name)
    # Not by KFP's own writer: it puts defaults into a comment, which one of several lines breaks.
    documents = [json_format.MessageToDict(message) for message in (pipeline.pipeline_spec, pipeline.platform_spec)]
    return yaml_of(documents, sort_keys=True)


def kubeflow_name(config: DarkroomConfig) -> str:
    """The pipeline's name, as far as Kubeflow's rules for names allow."""
    return kebab_case(config.pipeline_name)


def _check(config: DarkroomConfig, text: str) -> None:
    if config.pipeline.metadata is None:
        raise ConfigurationError(
            "pipeline.metadata is missing: steps run in pods of their own and record what they do in one database, "
            "which SQLite in a file cannot be. Give its host, database and user"
        )
    if len(text.encode()) > _LONGEST_CONFIGURATION:
        raise ConfigurationError(
            f"the configuration has {len(text.encode()):,} bytes and is an argument of each step, which may have "
            f"{_LONGEST_CONFIGURATION:,}"
        )


def _check_training(config: DarkroomConfig) -> None:
    section = config.training.distribution
    takes_others = section.strategy == "multi_worker" and section.workers is None
    if config.kubeflow.training_job is not None and not takes_others:
        raise ConfigurationError(
            "kubeflow.training_job starts workers in pods of their own, for training.distribution.strategy "
            f"multi_worker without workers; found {section.strategy}"
            + (
                f" with workers {section.workers}, which are processes of one pod"
                if section.workers is not None
                else ""
            )
        )
    if config.kubeflow.training_job is None and takes_others:
        raise ConfigurationError(
            "training.distribution.strategy is multi_worker, but nothing starts the workers: give "
            "kubeflow.training_job with so many pods as shall train, or training.distribution.workers for processes of "
            "the Trainer's own pod"
        )


def _add_tasks(config: DarkroomConfig, parameters: tuple[RunParameter, ...], arguments: dict[str, Any]) -> None:
    def task(step: str) -> PipelineTask:
        component = step_component(config, step, parameters)
        wanted = component.component_spec.inputs or {}
        given = {name: value for name, value in arguments.items() if name in wanted}
        made: PipelineTask = component(**given, **{RUN_ID: dsl.PIPELINE_JOB_ID_PLACEHOLDER})
        # Whether an earlier result can be used is TFX's to say, which knows what a step really read.
        made.set_caching_options(False)
        made.set_display_name(step)
        place(made, step, config.kubernetes)
        if config.kubeflow.training_job is not None and step in (TRAINER, FINISH):
            tell_of_pod(made)
        return made

    with dsl.ExitHandler(task(FINISH), name="run"):
        prepared = task(PREPARE)
        with dsl.If(prepared.outputs[DECISION] == Decision.TRAIN.value, name="train"):
            made: dict[str, PipelineTask] = {}
            for node, upstream in upstream_nodes(config).items():
                made[node] = task(node).after(*(made[name] for name in upstream))
