"""What the trainer predicts: its Keras network behind its preprocessing graph, in this process."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from darkroom.task import Task
from pipeline import features
from pipeline.features import TEST_SPLIT
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.model_description import DESCRIPTION_FILE, NETWORK_FILE, PREPROCESSING_FOLDER
from pipeline.models.predictor import predictor
from pipeline.training.split_files import SplitFiles
from preprocessing.graph import PreprocessingGraph
from preprocessing.saved import DESCRIPTION_FILE as PREPROCESSING_FILE
from preprocessing.saved import parse_description

_log = logging.getLogger(__name__)

_PARSE = {features.ENCODED: tf.io.FixedLenFeature([], tf.string)}


def held_out_images(examples_uri: str, count: int) -> list[bytes]:
    """Encoded images of the test split. It is ordered by content hash, so its first images are a fair sample."""
    size = DatasetFacts.read(examples_uri).split_size(TEST_SPLIT)
    split = SplitFiles((f"{examples_uri}/Split-{TEST_SPLIT}/*",), size)
    return [
        tf.io.parse_single_example(record, _PARSE)[features.ENCODED].numpy() for record in split.records().take(count)
    ]


def read_description(model: str) -> dict[str, Any]:
    """A model's `darkroom.json`."""
    with tf.io.gfile.GFile(f"{model}/assets.extra/{DESCRIPTION_FILE}") as file:
        description: dict[str, Any] = json.load(file)
    return description


def run_preprocessing(model_run: str) -> PreprocessingGraph:
    """The preprocessing that a run's Trainer has exported."""
    with tf.io.gfile.GFile(f"{model_run}/{PREPROCESSING_FOLDER}/{PREPROCESSING_FILE}") as file:
        return PreprocessingGraph(*parse_description(json.load(file)))


def trained_network(model: str, task: Task) -> keras.Model:
    """The network as it was trained, pixels `[N, H, W, C]` to every class's probability or a value.

    Args:
        model: the exported SavedModel's folder.
        task: what is predicted.

    Raises:
        TypeError, ValueError: Keras cannot read it, such as layers that their module does not register.
    """
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder, NETWORK_FILE)
        tf.io.gfile.copy(f"{model}/assets.extra/{NETWORK_FILE}", str(local))
        return predictor(keras.models.load_model(local, compile=False), task)


class Reference:
    """The trainer's network and preprocessing.

    Attributes:
        preprocessing_version: of the run.
        source: whose predictions these are, for people.
    """

    def __init__(self, model: str, model_run: str, task: Task) -> None:
        """Reads them.

        Args:
            model: the exported SavedModel's folder, in whose assets the network is.
            model_run: the Trainer's other output, in which the preprocessing is.
            task: what is predicted.

        A network that Keras cannot read (of layers that their own module does not register) leaves the exported graph,
        run in this process, to compare with.
        """
        graph = run_preprocessing(model_run)
        self.preprocessing_version = graph.version
        self.source = "the trainer's"
        try:
            network = trained_network(model, task)
        except (TypeError, ValueError, ImportError, AttributeError) as error:
            _log.warning("Keras cannot read %s's %s", model, NETWORK_FILE, exc_info=error)
            self.source = "the exported graph's in this process (Keras cannot read the trainer's network)"
            exported = tf.saved_model.load(model)
            signature = exported.signatures["serving_default"]
            # The module owns what its signature uses.
            self._kept = exported
            self._predict = lambda images: signature(image_bytes=images)[task.output_name]
            return

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        def predict(image_bytes: tf.Tensor) -> tf.Tensor:
            return network(graph(image_bytes), training=False)

        self._predict = predict

    def predict(self, images: Sequence[bytes]) -> np.ndarray:
        """Encoded images to predictions `[N, K]`."""
        return np.asarray(self._predict(tf.constant(list(images))))
