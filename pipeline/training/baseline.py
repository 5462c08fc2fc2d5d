"""What the eval split looks like and what the model says about it: what served images are compared with (drift)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from darkroom.task import Task
from pipeline import features
from pipeline.training.split_files import SplitFiles
from preprocessing.graph import PreprocessingGraph
from preprocessing.images import ImageLimits, inspect_image
from preprocessing.population import Population
from preprocessing.population.pixel_facts import measure_pixels

# The split is ordered by content hash, so its first images are a fair sample; more would tell ten bins apart no better.
MAX_IMAGES = 2000

_BATCH = 16
_PARSE = {features.ENCODED: tf.io.FixedLenFeature([], tf.string)}
# Ingestion has let these images in; what its limits were does not matter here.
_ANY_SIZE = ImageLimits(max_bytes=2**31, max_pixels=2**28, max_side=65_535, max_frames=2**31, max_scans=2**31)


def measure_baseline(
    graph: PreprocessingGraph, network: keras.Model, task: Task, labels: tuple[str, ...], evaluation: SplitFiles
) -> dict[str, Any]:
    """The population of the eval split, as it is stored in the model's description.

    Args:
        graph: the run's preprocessing.
        network: as it is exported, `[N, H, W, C]` to probabilities `[N, K]`, or to a regression's values, which are not
            counted.
        task: what is predicted.
        labels: class names in id order.
        evaluation: the split; at most `MAX_IMAGES` of it are looked at.
    """
    population = Population()
    is_classifier = task.has_classes

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def predict(image_bytes: tf.Tensor) -> tf.Tensor:
        return network(graph(image_bytes), training=False)

    for images in _batches(evaluation):
        for image in images:
            header = inspect_image(image, _ANY_SIZE)
            population.add_image(header, len(image))
            facts = measure_pixels(image, header)
            if facts is not None:
                population.add_pixels(facts)
        if is_classifier:
            for probabilities in predict(tf.constant(images)).numpy():
                best = int(np.argmax(probabilities))
                population.add_prediction(labels[best], float(probabilities[best]))
    return population.as_json()


def _batches(evaluation: SplitFiles) -> Iterator[list[bytes]]:
    records = evaluation.records().take(MAX_IMAGES).batch(_BATCH)
    for batch in records:
        yield tf.io.parse_example(batch, _PARSE)[features.ENCODED].numpy().tolist()
