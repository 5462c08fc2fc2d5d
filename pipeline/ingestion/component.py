"""The TFX component that ingests images."""

from __future__ import annotations

from tfx.components.example_gen import utils as example_gen_utils
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import example_gen_pb2
from tfx.types import Channel, standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from pipeline.features import SPLITS
from pipeline.ingestion.driver import ImageDriver
from pipeline.ingestion.executor import ImageExecutor
from pipeline.ingestion.options import IngestionOptions
from pipeline.ingestion.quarantine import Quarantine

OPTIONS_KEY = "ingestion_options"
QUARANTINE_KEY = "quarantine"


class ImageExampleGenSpec(standard_component_specs.FileBasedExampleGenSpec):
    """TFX's file-based ExampleGen, with Darkroom's options and a second output."""

    PARAMETERS = {  # noqa: RUF012 - TFX declares these as plain dicts
        **standard_component_specs.FileBasedExampleGenSpec.PARAMETERS,
        OPTIONS_KEY: ExecutionParameter(type=str),
    }
    OUTPUTS = {  # noqa: RUF012
        **standard_component_specs.FileBasedExampleGenSpec.OUTPUTS,
        QUARANTINE_KEY: ChannelParameter(type=Quarantine),
    }


class ImageExampleGen(base_beam_component.BaseBeamComponent):
    """Labelled images to examples in the splits train, eval and test.

    Outputs:
        examples: tf.Examples with the keys of `pipeline.features`, and `dataset.json` (`DatasetFacts`).
        quarantine: the files that were put aside, with reasons.
    """

    SPEC_CLASS = ImageExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(ImageExecutor)
    DRIVER_CLASS = ImageDriver

    def __init__(self, options: IngestionOptions) -> None:
        input_config = example_gen_utils.make_default_input_config()
        splits = [example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=1) for name in SPLITS]
        spec = ImageExampleGenSpec(
            input_base=options.root,
            input_config=input_config,
            # Names the splits for TFX; which image goes where is decided in pipeline.ingestion.splits.
            output_config=example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=splits)),
            output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
            output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
            ingestion_options=options.model_dump_json(),
            examples=Channel(type=standard_artifacts.Examples),
            quarantine=Channel(type=Quarantine),
        )
        super().__init__(spec=spec)
