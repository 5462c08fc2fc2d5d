"""The TFX component that pushes models."""

from __future__ import annotations

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from pipeline.pusher.executor import ModelPusherExecutor


class ModelPusherSpec(ComponentSpec):
    """Inputs and outputs as TFX's Pusher has them, and the evaluation, which travels with the model."""

    PARAMETERS = {"model_folder": ExecutionParameter(type=str)}  # noqa: RUF012 - TFX declares these as plain dicts
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }
    OUTPUTS = {"pushed_model": ChannelParameter(type=standard_artifacts.PushedModel)}  # noqa: RUF012


class ModelPusher(base_component.BaseComponent):
    """A blessed model to a new version in `<repository>/<model name>`.

    Outputs:
        pushed_model: with the custom properties `pushed`, `pushed_destination` and `pushed_version`.
    """

    SPEC_CLASS = ModelPusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(ModelPusherExecutor)

    def __init__(
        self, model: BaseChannel, model_blessing: BaseChannel, evaluation: BaseChannel, model_folder: str
    ) -> None:
        spec = ModelPusherSpec(
            model=model,
            model_blessing=model_blessing,
            evaluation=evaluation,
            model_folder=model_folder,
            pushed_model=Channel(type=standard_artifacts.PushedModel),
        )
        super().__init__(spec=spec)
