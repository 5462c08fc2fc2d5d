"""The executor of ModelEvaluator."""

from __future__ import annotations

import json
import os
from typing import Any

import apache_beam as beam
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx.components.evaluator import constants
from tfx.components.util import tfxio_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.types import Artifact, artifact_utils
from tfx.utils import io_utils, path_utils

from pipeline.evaluation.assessment import assess
from pipeline.evaluation.eval_config import eval_config
from pipeline.evaluation.options import EvaluationOptions
from pipeline.evaluation.recorded import read_recorded
from pipeline.evaluation.recording import BASELINE, CANDIDATE, PREDICTIONS_FOLDER, recorder
from pipeline.features import TEST_SPLIT
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.model_description import DESCRIPTION_FILE

OPTIONS_KEY = "evaluation_options"

_TELEMETRY = ["Darkroom", "ModelEvaluator"]


class ModelEvaluatorExecutor(base_beam_executor.BaseBeamExecutor):
    """TFMA over the test split for the model and its baseline, then Darkroom's rules over what both answered."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates, writes the report, blesses or does not.

        Raises:
            darkroom.errors.ConfigurationError: a rule cannot be judged.
            darkroom.errors.DarkroomError: the test split is empty.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        options = EvaluationOptions.model_validate_json(exec_properties[OPTIONS_KEY])
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        model = artifact_utils.get_single_instance(input_dict["model"])
        baselines = input_dict.get("baseline_model") or []
        evaluation = artifact_utils.get_single_instance(output_dict["evaluation"])
        facts = DatasetFacts.read(examples.uri)
        baseline = baselines[0] if baselines else None
        note = _why_not_comparable(baseline, facts)
        if note is not None:
            baseline = None
        config = eval_config(options.task, has_baseline=baseline is not None)
        models = [_shared_model(model, CANDIDATE, config)]
        if baseline is not None:
            models.append(_shared_model(baseline, BASELINE, config))
        with self._make_beam_pipeline() as pipeline:
            _measure(pipeline, examples, models, config, evaluation.uri)
        recorded = read_recorded(evaluation.uri, options.task, options.section.max_images)
        report = assess(recorded, facts, options, tfma_values(evaluation.uri), note)
        report.write(evaluation.uri)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        _bless(blessing, model, baseline, blessed=report.blessed)


def _why_not_comparable(baseline: Artifact | None, facts: DatasetFacts) -> str | None:
    """Why there is no baseline, as a sentence; None when there is one."""
    if baseline is None:
        return "There is no blessed model yet to compare with."
    with tf.io.gfile.GFile(os.path.join(_serving_path(baseline), "assets.extra", DESCRIPTION_FILE)) as file:
        description = json.load(file)
    if description["task"] != facts.task:
        return f"The latest blessed model's task is {description['task']}, so nothing was compared."
    if tuple(description["labels"]) != facts.labels:
        return "The latest blessed model knows other classes, so nothing was compared."
    return None


def _shared_model(artifact: Artifact, name: str, config: config_pb2.EvalConfig) -> tfma.types.EvalSharedModel:
    return tfma.default_eval_shared_model(
        eval_saved_model_path=_serving_path(artifact), model_name=name, eval_config=config
    )


def _serving_path(artifact: Artifact) -> str:
    path: str = path_utils.serving_model_path(artifact.uri, path_utils.is_old_model_artifact(artifact))
    return path


def _measure(
    pipeline: beam.Pipeline,
    examples: Artifact,
    models: list[tfma.types.EvalSharedModel],
    config: config_pb2.EvalConfig,
    evaluation_uri: str,
) -> None:
    factory = tfxio_utils.get_tfxio_factory_from_artifact(
        examples=[examples],
        telemetry_descriptors=_TELEMETRY,
        raw_record_column_name=tfma.constants.ARROW_INPUT_COLUMN,
    )
    files = io_utils.all_files_pattern(artifact_utils.get_split_uri([examples], TEST_SPLIT))
    shared = models if len(models) > 1 else models[0]
    extractors = tfma.default_extractors(eval_shared_model=shared, eval_config=config)
    _ = (
        pipeline
        | "Read" >> factory(files).BeamSource()
        | "Evaluate"
        >> tfma.ExtractEvaluateAndWriteResults(
            eval_shared_model=shared,
            eval_config=config,
            extractors=[*extractors, recorder(os.path.join(evaluation_uri, PREDICTIONS_FOLDER))],
            output_path=evaluation_uri,
        )
    )


def tfma_values(evaluation_uri: str) -> dict[str, float]:
    """What TFMA measured on the slice that holds all examples, by its names; `<name>_diff` is against the baseline."""
    result = tfma.load_eval_result(evaluation_uri, model_name=CANDIDATE)
    overall: dict[str, float] = {}
    for slice_key, outputs in result.slicing_metrics:
        if slice_key:
            continue
        for by_subkey in outputs.values():
            for by_name in by_subkey.values():
                overall |= {name: value["doubleValue"] for name, value in by_name.items() if "doubleValue" in value}
    return overall


def _bless(blessing: Artifact, model: Artifact, baseline: Artifact | None, *, blessed: bool) -> None:
    """As TFX's Evaluator does, so that its resolver and its Pusher find it."""
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    if baseline is not None:
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
    name = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    value = constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)
