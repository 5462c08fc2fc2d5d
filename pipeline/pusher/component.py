"""The TFX component that pushes models."""

from __future__ import annotations

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from darkroom.configuration.push_section import PushSection
from pipeline.lite_export.lite_model import LiteModel
from pipeline.pusher.executor import ModelPusherExecutor


class ModelPusherSpec(ComponentSpec):
    """Inputs and outputs as TFX's Pusher has them, and what travels with the model or is compared with it."""

    PARAMETERS = {  # noqa: RUF012 - TFX declares these as plain dicts
        "repository": ExecutionParameter(type=str),
        "model_name": ExecutionParameter(type=str),
        "served_path": ExecutionParameter(type=str),
        "allow_label_change": ExecutionParameter(type=int),
    }
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
        "model_blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "infra_blessing": ChannelParameter(type=standard_artifacts.InfraBlessing),
        "lite_model": ChannelParameter(type=LiteModel, optional=True),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }
    OUTPUTS = {"pushed_model": ChannelParameter(type=standard_artifacts.PushedModel)}  # noqa: RUF012


class ModelPusher(base_component.BaseComponent):
    """A blessed model to a new version in `<repository>/<model name>`.

    Outputs:
        pushed_model: with the custom properties `pushed`, `pushed_destination` and `pushed_version`, or `refused`.
    """

    SPEC_CLASS = ModelPusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(ModelPusherExecutor)

    def __init__(
        self,
        *,
        model: BaseChannel,
        model_run: BaseChannel,
        model_blessing: BaseChannel,
        infra_blessing: BaseChannel,
        evaluation: BaseChannel,
        repository: str,
        model_name: str,
        section: PushSection,
        lite_model: BaseChannel | None = None,
    ) -> None:
        spec = ModelPusherSpec(
            model=model,
            model_run=model_run,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            evaluation=evaluation,
            lite_model=lite_model,
            repository=repository,
            model_name=model_name,
            served_path=section.served_path or "",
            allow_label_change=int(section.allow_label_change),
            pushed_model=Channel(type=standard_artifacts.PushedModel),
        )
        super().__init__(spec=spec)
