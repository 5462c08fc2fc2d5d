"""The executor of LiteExport."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.dsl.components.base import base_executor
from tfx.types import Artifact, artifact_utils
from tfx.utils import path_utils

from darkroom.configuration.lite_section import LiteSection
from darkroom.task import Task
from pipeline.export.choice import sample_pixels
from pipeline.features import TEST_SPLIT, TRAIN_SPLIT
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.lite_export.conversion import LiteNetwork, convert
from pipeline.lite_export.evaluation import evaluate, judge
from pipeline.lite_export.lite_model import LITE_FILE, LiteFacts
from pipeline.progress import reporter
from pipeline.serving_check.reference import read_description, run_preprocessing, trained_network
from pipeline.training.split_files import SplitFiles

_log = logging.getLogger(__name__)


class LiteExportExecutor(base_executor.BaseExecutor):
    """Converts the trainer's network, and evaluates the file over the test split."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the file if it is near enough to the network, and its facts; what fails costs the file alone."""
        self._log_startup(input_dict, output_dict, exec_properties)
        section = LiteSection.model_validate_json(exec_properties["section"])
        model, run, examples, lite = (
            artifact_utils.get_single_instance(artifacts)
            for artifacts in (
                input_dict["model"],
                input_dict["model_run"],
                input_dict["examples"],
                output_dict["lite_model"],
            )
        )
        path = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
        task = Task(read_description(path)["task"])
        graph = run_preprocessing(run.uri)
        facts = DatasetFacts.read(examples.uri)

        def split(name: str) -> SplitFiles:
            return SplitFiles((f"{examples.uri}/Split-{name}/*",), facts.split_size(name))

        tf.io.gfile.makedirs(lite.uri)
        try:
            network = trained_network(path, task)
            content = convert(
                network, graph.spec.pixel_shape, section.quantization, sample_pixels(graph, split(TRAIN_SPLIT))
            )
            measured = evaluate(
                split(TEST_SPLIT),
                graph,
                LiteNetwork(content).predict,
                lambda pixels: np.asarray(network(pixels, training=False)),
                task,
            )
        except Exception as error:  # noqa: BLE001 - the converter raises anything; the served model goes on without it
            _log.exception("The LiteRT file could not be made")
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            found = LiteFacts(
                quantization=section.quantization,
                metric="accuracy" if task.has_classes else "mean_absolute_error",
                passed=False,
                sentence=f"The LiteRT file could not be made and is left out: {reason}",
            )
        else:
            found = judge(section, task, len(content), measured)
            if found.passed:
                with tf.io.gfile.GFile(f"{lite.uri}/{LITE_FILE}", "wb") as file:
                    file.write(content)
        found.write(lite.uri)
        reporter().step(found.sentence)
