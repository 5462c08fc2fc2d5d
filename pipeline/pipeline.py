"""The DAG, on one page."""

from __future__ import annotations

import os

# Not tfx.v1: it imports Google Cloud's whole client library, which takes longer than TensorFlow.
from tfx import components
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.proto import trainer_pb2, transform_pb2
from tfx.types import Channel, standard_artifacts

import darkroom
from darkroom.configuration import DarkroomConfig
from darkroom.configuration.recipe_section import LATEST_BLESSED
from darkroom.configuration.sections import BeamSection
from pipeline.evaluation.eval_config import eval_config
from pipeline.features import EVAL_SPLIT, TEST_SPLIT, TRAIN_SPLIT
from pipeline.ingestion.component import ImageExampleGen
from pipeline.ingestion.options import IngestionOptions
from pipeline.models.pixel_scaling import with_matching_scaling
from pipeline.pusher.component import ModelPusher
from pipeline.statistics.channel_statistics import SPEC_KEY
from pipeline.statistics.tfdv_options import statistics_options
from pipeline.training.options import OPTIONS_KEY, STATE_ROOT_KEY, TrainerOptions

# Beam runners whose workers are this process, or its children in the same environment.
_LOCAL_RUNNERS = ("DirectRunner",)


def create_pipeline(config: DarkroomConfig) -> tfx_pipeline.Pipeline:
    """The TFX pipeline of a configuration.

    Functions are named by their import path rather than by `module_file`, which would build a wheel and call pip
    inside the run.

    Raises:
        darkroom.errors.ConfigurationError: the model's weights or the user's module cannot be used.
    """
    config = with_matching_scaling(config)
    example_gen = ImageExampleGen(IngestionOptions.from_configuration(config))
    examples = example_gen.outputs["examples"]
    statistics_gen = components.StatisticsGen(examples=examples, stats_options=statistics_options())
    schema_gen = components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    example_validator = components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    transform = components.Transform(
        examples=examples,
        schema=schema_gen.outputs["schema"],
        preprocessing_fn="pipeline.statistics.channel_statistics.preprocessing_fn",
        splits_config=transform_pb2.SplitsConfig(analyze=[TRAIN_SPLIT], transform=[]),
        materialize=False,
        disable_statistics=True,
        custom_config={SPEC_KEY: config.preprocessing.model_dump_json()},
    )
    options = TrainerOptions.from_configuration(config, darkroom.__version__)
    baseline = Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
    ).with_id("Baseline")
    goes_on = config.training.recipe.name == "warm_start" and config.training.recipe.version == LATEST_BLESSED
    trainer = components.Trainer(
        run_fn="pipeline.training.run.run_fn",
        examples=examples,
        transform_graph=transform.outputs["transform_graph"],
        schema=schema_gen.outputs["schema"],
        base_model=baseline.outputs["model"] if goes_on else None,
        train_args=trainer_pb2.TrainArgs(splits=[TRAIN_SPLIT]),
        eval_args=trainer_pb2.EvalArgs(splits=[EVAL_SPLIT]),
        custom_config={
            OPTIONS_KEY: options.model_dump_json(),
            STATE_ROOT_KEY: os.path.join(config.pipeline_root, "training"),
        },
    )
    evaluator = components.Evaluator(
        examples=examples,
        example_splits=[TEST_SPLIT],
        model=trainer.outputs["model"],
        baseline_model=baseline.outputs["model"],
        eval_config=eval_config(config.evaluation),
    )
    pusher = ModelPusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        evaluation=evaluator.outputs["evaluation"],
        model_folder=os.path.join(config.repository_path, config.model.name),
    )
    return tfx_pipeline.Pipeline(
        pipeline_name=config.pipeline_name,
        pipeline_root=os.path.join(config.pipeline_root, "artifacts"),
        components=[
            example_gen,
            statistics_gen,
            schema_gen,
            example_validator,
            transform,
            trainer,
            baseline,
            evaluator,
            pusher,
        ],
        enable_cache=config.pipeline.cache,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            os.path.join(config.pipeline_root, "metadata.sqlite")
        ),
        beam_pipeline_args=_beam_arguments(config.beam),
    )


def _beam_arguments(beam: BeamSection) -> list[str]:
    arguments = [f"--runner={beam.runner}"]
    if beam.runner in _LOCAL_RUNNERS:
        # TFX packs itself for remote workers, a second for each component, unless it is told what they run in.
        arguments.append("--sdk_container_image=none")
    return [*arguments, *beam.options]
