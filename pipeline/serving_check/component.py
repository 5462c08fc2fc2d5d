"""The TFX component that stands where TFX's InfraValidator would; it needs no Docker."""

from __future__ import annotations

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from darkroom.configuration.serving_check_section import ServingCheckSection
from pipeline.serving_check.executor import ServingCheckExecutor


class ServingCheckSpec(ComponentSpec):
    """What the check reads and writes."""

    PARAMETERS = {  # noqa: RUF012 - TFX declares these as plain dicts
        "model_name": ExecutionParameter(type=str),
        "section": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
        "model_blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "examples": ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {"blessing": ChannelParameter(type=standard_artifacts.InfraBlessing)}  # noqa: RUF012


class ServingCheck(base_component.BaseComponent):
    """A blessed model to a second blessing: that a model server serves it as the trainer predicts.

    Outputs:
        blessing: with the custom property `blessed`, the rules, and the model's warm-up requests.
    """

    SPEC_CLASS = ServingCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(ServingCheckExecutor)

    def __init__(
        self,
        *,
        model: BaseChannel,
        model_run: BaseChannel,
        model_blessing: BaseChannel,
        examples: BaseChannel,
        model_name: str,
        section: ServingCheckSection,
    ) -> None:
        spec = ServingCheckSpec(
            model=model,
            model_run=model_run,
            model_blessing=model_blessing,
            examples=examples,
            model_name=model_name,
            section=section.model_dump_json(),
            blessing=Channel(type=standard_artifacts.InfraBlessing),
        )
        super().__init__(spec=spec)
