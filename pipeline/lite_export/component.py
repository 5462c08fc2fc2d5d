"""The TFX component that makes a file for devices."""

from __future__ import annotations

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from darkroom.configuration.lite_section import LiteSection
from pipeline.lite_export.executor import LiteExportExecutor
from pipeline.lite_export.lite_model import LiteModel


class LiteExportSpec(ComponentSpec):
    """What is read and written."""

    PARAMETERS = {"section": ExecutionParameter(type=str)}  # noqa: RUF012 - TFX declares these as plain dicts
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
        "examples": ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {"lite_model": ChannelParameter(type=LiteModel)}  # noqa: RUF012


class LiteExport(base_component.BaseComponent):
    """The trainer's network to a quantised LiteRT file, evaluated over the test split.

    Outputs:
        lite_model: `network.tflite` where it is near enough to the network, and its facts.
    """

    SPEC_CLASS = LiteExportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(LiteExportExecutor)

    def __init__(
        self, *, model: BaseChannel, model_run: BaseChannel, examples: BaseChannel, section: LiteSection
    ) -> None:
        spec = LiteExportSpec(
            model=model,
            model_run=model_run,
            examples=examples,
            section=section.model_dump_json(),
            lite_model=Channel(type=LiteModel),
        )
        super().__init__(spec=spec)
