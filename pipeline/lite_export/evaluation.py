"""How a LiteRT file does on the test split, beside the network that it was made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from darkroom.configuration.lite_section import LiteSection
from darkroom.task import Task
from pipeline import features
from pipeline.lite_export.lite_model import LiteFacts
from pipeline.training.split_files import SplitFiles
from preprocessing.graph import PreprocessingGraph

_BATCH = 32

# 0.9 - 0.89 is a little more than 0.01. A value that equals its bound shall pass.
_ROUNDING = 1e-9

Predict = Callable[[np.ndarray], np.ndarray]


def evaluate(
    split: SplitFiles, graph: PreprocessingGraph, lite: Predict, network: Predict, task: Task
) -> tuple[int, float, float]:
    """Asks both about every image of a split.

    Returns:
        How many images there were; the file's accuracy and the network's, or for a regression their mean absolute
        errors.
    """
    totals = np.zeros(2)
    count = 0
    for pixels, labels in _batches(split, graph, task):
        for number, predict in enumerate((lite, network)):
            found = predict(pixels)
            if task.has_classes:
                totals[number] += np.sum(np.argmax(found, axis=1) == labels)
            else:
                totals[number] += np.sum(np.abs(found[:, 0] - labels))
        count += len(labels)
    value, network_value = totals / max(count, 1)
    return count, float(value), float(network_value)


def judge(section: LiteSection, task: Task, size_bytes: int, measured: tuple[int, float, float]) -> LiteFacts:
    """Whether the file is near enough to the network, in a sentence."""
    images, value, network_value = measured
    what = f"The LiteRT file ({section.quantization}, {size_bytes / 1e6:.2f} MB)"
    if images == 0:
        passed, sentence = False, f"{what} could not be evaluated, as the test split is empty"
    elif task.has_classes:
        passed = network_value - value <= section.max_accuracy_drop + _ROUNDING
        sentence = (
            f"{what} may be at most {section.max_accuracy_drop:.4f} less accurate on the test split than the network, "
            f"{network_value:.4f}, and has {value:.4f}"
        )
    else:
        passed = value <= network_value * (1 + section.max_error_increase) + _ROUNDING
        sentence = (
            f"{what} may have a mean absolute error on the test split at most {section.max_error_increase:.2%} above "
            f"the network's, {network_value:.4g}, and has {value:.4g}"
        )
    return LiteFacts(
        quantization=section.quantization,
        size_bytes=size_bytes,
        images=images,
        metric="accuracy" if task.has_classes else "mean_absolute_error",
        value=value,
        network_value=network_value,
        passed=passed,
        sentence=f"{sentence}: {'passed' if passed else 'failed, so it is left out'}.",
    )


def _batches(split: SplitFiles, graph: PreprocessingGraph, task: Task) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    label = features.LABEL if task.has_classes else features.TARGET
    kind = tf.int64 if task.has_classes else tf.float32
    parse = {features.ENCODED: tf.io.FixedLenFeature([], tf.string), label: tf.io.FixedLenFeature([], kind)}
    for batch in split.records().batch(_BATCH):
        parsed = tf.io.parse_example(batch, parse)
        yield np.asarray(graph(parsed[features.ENCODED])), np.asarray(parsed[label])
