"""The TFX component that says whether the data may be trained on."""

from __future__ import annotations

import hashlib

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from darkroom.configuration import DarkroomConfig
from pipeline.validation.data_check import ENDS_RUN_KEY, DataCheckResult
from pipeline.validation.executor import DataValidatorExecutor
from pipeline.validation.served import served_text


class _Spec(ComponentSpec):
    PARAMETERS = {  # noqa: RUF012 - TFX declares these as plain dicts
        "section": ExecutionParameter(type=str),
        ENDS_RUN_KEY: ExecutionParameter(type=int),
        "has_dates": ExecutionParameter(type=int),
        "served": ExecutionParameter(type=str),
        # Results are reused for the same content.
        "served_sha256": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "previous": ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }
    OUTPUTS = {"data_check": ChannelParameter(type=DataCheckResult)}  # noqa: RUF012


class DataValidator(base_component.BaseComponent):
    """Anomalies, drift and skew under the rules of `data.validation`.

    Args:
        ends_run: whether it fails where the rules block; else it shows everything, also what is switched off.

    Outputs:
        data_check: `data_check.json`, the number of distances above their limits as the property `exceeded`, and
            whether later data may be compared with this as `is_baseline`.

    Raises:
        DataError: `data.validation.served` cannot be read.
    """

    SPEC_CLASS = _Spec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(DataValidatorExecutor)

    def __init__(
        self,
        statistics: BaseChannel,
        anomalies: BaseChannel,
        previous: BaseChannel,
        config: DarkroomConfig,
        *,
        ends_run: bool = True,
    ) -> None:
        section = config.data.validation
        served = "" if section.served is None else config.resolve(section.served)
        spec = _Spec(
            statistics=statistics,
            anomalies=anomalies,
            previous=previous,
            section=section.model_dump_json(),
            ends_run=int(ends_run),
            has_dates=int("{YYYY}" in config.data.paths[0]),
            served=served,
            served_sha256=hashlib.sha256(served_text(served).encode()).hexdigest() if served else "",
            data_check=Channel(type=DataCheckResult),
        )
        super().__init__(spec=spec)
