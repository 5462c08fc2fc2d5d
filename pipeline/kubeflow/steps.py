"""A step's component: its image, its command line, what goes in and what comes out."""

from __future__ import annotations

from kfp.dsl import container_component_class, structures
from kfp.dsl.placeholders import InputValuePlaceholder, OutputParameterPlaceholder, OutputPathPlaceholder

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.kubernetes_section import FINISH, PREPARE
from darkroom.task import Task
from pipeline.container_steps.outputs import CONFUSION_MATRIX, DECISION, METRICS, REPORT
from pipeline.kubeflow.parameters import TRIGGER, RunParameter
from pipeline.names import kebab_case
from pipeline.topology import upstream_nodes

# An input beside the run's parameters, which Kubeflow fills with the run's id.
RUN_ID = "run_id"

# Kubeflow's types of what its pages show; https://www.kubeflow.org/docs/components/pipelines/user-guides/data-handling
_ARTIFACTS = {
    METRICS: "system.Metrics@0.0.1",
    CONFUSION_MATRIX: "system.ClassificationMetrics@0.0.1",
    REPORT: "system.HTML@0.0.1",
}


def step_component(
    config: DarkroomConfig, step: str, parameters: tuple[RunParameter, ...]
) -> container_component_class.ContainerComponent:
    """The component of a step.

    Args:
        config: that says where it runs.
        step: a node of the pipeline, or the step before or after it.
        parameters: of the pipeline; each goes into the step's command line.
    """
    artifacts = _artifacts(config, step)
    outputs = {name: structures.OutputSpec(type=_ARTIFACTS[name]) for name in artifacts}
    arguments: list[object] = ["step", step, "--folder", config.kubernetes.folder]
    arguments += ["--run-id", InputValuePlaceholder(RUN_ID)]
    for parameter in parameters:
        value = InputValuePlaceholder(parameter.name)
        if parameter.key is not None:
            arguments += ["--parameter", parameter.key, value]
        elif parameter.name != TRIGGER or step == PREPARE:
            arguments += [f"--{parameter.name}", value]
    for name in artifacts:
        arguments += ["--output", name, OutputPathPlaceholder(name)]
    if artifacts:
        arguments += ["--executor-input", "{{$}}"]
    if step == PREPARE:
        outputs[DECISION] = structures.OutputSpec(type="String")
        arguments += ["--output", DECISION, OutputParameterPlaceholder(DECISION)]
        arguments += ["--nodes", ",".join(upstream_nodes(config))]
    inputs = {RUN_ID: structures.InputSpec(type="String")}
    for parameter in parameters:
        if parameter.name != TRIGGER or step == PREPARE:
            inputs[parameter.name] = structures.InputSpec(type=parameter.type)
    specification = structures.ComponentSpec(
        name=kebab_case(step),
        inputs=inputs,
        outputs=outputs,
        implementation=structures.Implementation(
            container=structures.ContainerSpecImplementation(
                image=config.kubernetes.image, command=["darkroom"], args=arguments
            )
        ),
    )
    return container_component_class.ContainerComponent(specification, lambda: None)


def _artifacts(config: DarkroomConfig, step: str) -> tuple[str, ...]:
    if step == FINISH:
        return (REPORT,)
    if step != "Evaluator":
        return ()
    return (METRICS,) if config.data.task is Task.REGRESSION else (METRICS, CONFUSION_MATRIX)
