"""The DAG, on one page."""

from __future__ import annotations

import os
from dataclasses import dataclass

# Not tfx.v1: it imports Google Cloud's whole client library, which takes longer than TensorFlow.
from tfx import components
from tfx.dsl.components.base import base_component, base_node
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.proto import trainer_pb2, transform_pb2
from tfx.types import BaseChannel, Channel, standard_artifacts

import darkroom
from darkroom.configuration import DarkroomConfig
from pipeline.beam_arguments import beam_arguments
from pipeline.evaluation.component import ModelEvaluator
from pipeline.evaluation.options import EvaluationOptions
from pipeline.features import EVAL_SPLIT, TRAIN_SPLIT
from pipeline.ingestion.component import ImageExampleGen
from pipeline.ingestion.options import IngestionOptions
from pipeline.latest_blessing import LatestBlessing
from pipeline.lite_export.component import LiteExport
from pipeline.metadata_connection import metadata_connection
from pipeline.models.pixel_scaling import with_matching_scaling
from pipeline.pusher.component import ModelPusher
from pipeline.serving_check.component import ServingCheck
from pipeline.statistics.channel_statistics import SPEC_KEY
from pipeline.statistics.tfdv_options import statistics_options
from pipeline.topology import goes_on
from pipeline.training.options import EXPORT_KEY, OPTIONS_KEY, STATE_ROOT_KEY, TrainerOptions
from pipeline.tuning.options import TUNING_KEY, TUNING_ROOT_KEY
from pipeline.validation.component import DataValidator
from pipeline.validation.curated_schema import CuratedSchema
from pipeline.validation.previous_data import PreviousData


@dataclass(frozen=True, slots=True)
class _Data:
    """The components that come before any training.

    Attributes:
        components: in order, Transform last.
        examples, schema, transform_graph: their outputs.
    """

    components: tuple[base_node.BaseNode, ...]
    examples: BaseChannel
    schema: BaseChannel
    transform_graph: BaseChannel


def create_pipeline(config: DarkroomConfig) -> tfx_pipeline.Pipeline:
    """The TFX pipeline of a configuration.

    Functions are named by their import path rather than by `module_file`, which would build a wheel and call pip
    inside the run.

    Raises:
        darkroom.errors.ConfigurationError: the model's weights, the user's module or Beam's options cannot be used.
    """
    config = with_matching_scaling(config)
    data, baseline = _data(config), _baseline()
    options = TrainerOptions.from_configuration(config, darkroom.__version__)
    tuner = _tuner(config, options, data, baseline) if config.tuning.enabled else None
    trainer = components.Trainer(
        run_fn="pipeline.training.run.run_fn",
        examples=data.examples,
        transform_graph=data.transform_graph,
        schema=data.schema,
        base_model=baseline.outputs["model"] if goes_on(config) else None,
        hyperparameters=tuner.outputs["best_hyperparameters"] if tuner is not None else None,
        train_args=trainer_pb2.TrainArgs(splits=[TRAIN_SPLIT]),
        eval_args=trainer_pb2.EvalArgs(splits=[EVAL_SPLIT]),
        custom_config={
            OPTIONS_KEY: options.model_dump_json(),
            EXPORT_KEY: config.export.model_dump_json(exclude={"lite"}),
            STATE_ROOT_KEY: os.path.join(config.pipeline_root, "training"),
        },
    )
    evaluator = ModelEvaluator(
        data.examples,
        trainer.outputs["model"],
        baseline.outputs["model"],
        EvaluationOptions.from_configuration(config),
    ).with_id("Evaluator")
    serving_check = ServingCheck(
        model=trainer.outputs["model"],
        model_run=trainer.outputs["model_run"],
        model_blessing=evaluator.outputs["blessing"],
        examples=data.examples,
        model_name=config.model.name,
        section=config.serving_check,
    )
    lite_export = _lite_export(config, trainer, data)
    pusher = ModelPusher(
        model=trainer.outputs["model"],
        model_run=trainer.outputs["model_run"],
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=serving_check.outputs["blessing"],
        evaluation=evaluator.outputs["evaluation"],
        lite_model=lite_export.outputs["lite_model"] if lite_export is not None else None,
        repository=config.repository_path,
        model_name=config.model.name,
        section=config.push,
    )
    devices = (lite_export,) if lite_export is not None else ()
    searched = (tuner,) if tuner is not None else ()
    # In this order a run shows them.
    before = (baseline, *searched, trainer) if goes_on(config) else (*searched, trainer, baseline)
    return _pipeline(config, [*data.components, *before, evaluator, *devices, serving_check, pusher])


def create_tuning_pipeline(config: DarkroomConfig) -> tfx_pipeline.Pipeline:
    """The part of a configuration's pipeline that ends with the search for hyperparameters.

    A run with `tuning.enabled` reuses its components' results, those of the search included.

    Raises:
        darkroom.errors.ConfigurationError: the model's weights, the user's module or Beam's options cannot be used.
    """
    config = with_matching_scaling(config)
    data, baseline = _data(config), _baseline()
    options = TrainerOptions.from_configuration(config, darkroom.__version__)
    resolver = (baseline,) if goes_on(config) else ()
    return _pipeline(config, [*data.components, *resolver, _tuner(config, options, data, baseline)])


def create_data_pipeline(config: DarkroomConfig, *, ends_run: bool = True) -> tfx_pipeline.Pipeline:
    """The part of a configuration's pipeline that looks at the data, before any training.

    Args:
        config: the configuration.
        ends_run: whether it fails where `data.validation` blocks the data.
    """
    return _pipeline(config, list(_data(config, is_trained_on=False, ends_run=ends_run).components[:-1]))


def _data(config: DarkroomConfig, *, is_trained_on: bool = True, ends_run: bool = True) -> _Data:
    example_gen = ImageExampleGen(IngestionOptions.from_configuration(config))
    examples = example_gen.outputs["examples"]
    statistics_gen = components.StatisticsGen(examples=examples, stats_options=statistics_options(config.data.task))
    schema_gen = _schema(config, statistics_gen)
    example_validator = components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    previous = Resolver(
        strategy_class=PreviousData,
        current=statistics_gen.outputs["statistics"],
        previous=Channel(type=standard_artifacts.ExampleStatistics),
    ).with_id("PreviousData")
    data_validator = DataValidator(
        statistics_gen.outputs["statistics"],
        example_validator.outputs["anomalies"],
        previous.outputs["previous"],
        config,
        ends_run=ends_run,
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
    if is_trained_on:
        # Nothing trains on data that is blocked.
        transform.add_upstream_node(data_validator)
    return _Data(
        (example_gen, statistics_gen, schema_gen, example_validator, previous, data_validator, transform),
        examples,
        schema_gen.outputs["schema"],
        transform.outputs["transform_graph"],
    )


def _schema(config: DarkroomConfig, statistics_gen: base_component.BaseComponent) -> base_component.BaseComponent:
    """The schema that people curate, or one that is inferred from these very examples."""
    path = config.data.validation.schema_file
    if path is None:
        return components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    return CuratedSchema(config.resolve(path)).with_id("SchemaGen")


def _baseline() -> Resolver:
    return Resolver(
        strategy_class=LatestBlessing,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
    ).with_id("Baseline")


def _lite_export(config: DarkroomConfig, trainer: base_component.BaseComponent, data: _Data) -> LiteExport | None:
    if config.export.lite is None:
        return None
    return LiteExport(
        model=trainer.outputs["model"],
        model_run=trainer.outputs["model_run"],
        examples=data.examples,
        section=config.export.lite,
    )


def _tuner(
    config: DarkroomConfig, options: TrainerOptions, data: _Data, baseline: Resolver
) -> base_component.BaseComponent:
    return components.Tuner(
        tuner_fn="pipeline.tuning.run.tuner_fn",
        examples=data.examples,
        transform_graph=data.transform_graph,
        base_model=baseline.outputs["model"] if goes_on(config) else None,
        train_args=trainer_pb2.TrainArgs(splits=[TRAIN_SPLIT]),
        eval_args=trainer_pb2.EvalArgs(splits=[EVAL_SPLIT]),
        custom_config={
            OPTIONS_KEY: options.model_dump_json(),
            TUNING_KEY: config.tuning.model_dump_json(exclude={"enabled"}),
            TUNING_ROOT_KEY: os.path.join(config.pipeline_root, "tuning"),
        },
    )


def _pipeline(config: DarkroomConfig, nodes: list[base_node.BaseNode]) -> tfx_pipeline.Pipeline:
    return tfx_pipeline.Pipeline(
        pipeline_name=config.pipeline_name,
        pipeline_root=os.path.join(config.pipeline_root, "artifacts"),
        components=nodes,
        enable_cache=config.pipeline.cache,
        metadata_connection_config=metadata_connection(config),
        beam_pipeline_args=beam_arguments(config.beam),
    )
