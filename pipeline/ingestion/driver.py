"""The driver of ImageExampleGen: decides, from a fingerprint of the files, whether earlier examples can be reused."""

from __future__ import annotations

from collections.abc import Iterable

from tfx.components.example_gen import driver, input_processor
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2, range_config_pb2

from pipeline.ingestion.options import IngestionOptions


class _ImageInputProcessor(input_processor.InputProcessor):
    """The spans that a run takes, fingerprinted by the names, labels, sizes and modification times of the images.

    TFX knows one span: the newest. A source without spans is span 0.
    """

    def __init__(self, splits: Iterable[example_gen_pb2.Input.Split], options: IngestionOptions) -> None:
        super().__init__(splits=splits)
        self._options = options

    def resolve_span_and_version(self) -> tuple[int, int | None]:
        return self.get_latest_span(), self.get_latest_version(self.get_latest_span())

    def get_pattern_for_span_version(self, pattern: str, span: int, version: int | None) -> str:
        return pattern

    def get_latest_span(self) -> int:
        return self._options.spans[-1].number if self._options.spans else 0

    def get_latest_version(self, span: int) -> int | None:
        version = self._options.spans[-1].version if self._options.spans else None
        return None if version is None else int(version)

    def get_input_fingerprint(self, span: int, version: int | None) -> str:
        return self._options.source().fingerprint()


class ImageDriver(driver.Driver):
    """TFX's ExampleGen driver over Darkroom's sources."""

    _options: IngestionOptions

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, object],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, object]:
        """Adds span, version and fingerprint to the properties, and the spans that are taken to the options.

        Raises:
            DataError: there is no span, or not the one that is wanted.
        """
        self._options = IngestionOptions.model_validate_json(str(exec_properties["ingestion_options"])).resolved()
        # The executor takes what was fingerprinted here, also when a new span arrives in between.
        exec_properties["ingestion_options"] = self._options.model_dump_json()
        return super().resolve_exec_properties(exec_properties, pipeline_info, component_info)

    def get_input_processor(
        self,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: range_config_pb2.RangeConfig | None = None,
        input_base_uri: str | None = None,
    ) -> input_processor.InputProcessor:
        """The processor for the source in the component's options."""
        return _ImageInputProcessor(splits, self._options)
