"""The baseline that a model carries."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from darkroom.task import Task
from pipeline.models.predictor import predictor
from pipeline.training import baseline
from pipeline.training.baseline import measure_baseline
from preprocessing.graph import PreprocessingGraph
from preprocessing.population import Population
from preprocessing.population.divergence import compare
from preprocessing.spec import PreprocessingSpec
from tests.pipeline.training.records import LABELS, write_split

COUNT = 40


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return write_split(tmp_path_factory.mktemp("eval"), COUNT)


def graph():
    return PreprocessingGraph(PreprocessingSpec(height=8, width=8, channels=1, scaling="symmetric"))


def network(units, activation):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(units, activation=activation)]
    )


def test_it_counts_the_images_and_what_the_exported_network_says(split):
    model, preprocess = network(3, "softmax"), graph()
    found = Population.from_json(
        json.loads(json.dumps(measure_baseline(preprocess, model, Task.MULTICLASS, LABELS, split)))
    )

    images = [
        tf.io.parse_single_example(record, {"image/encoded": tf.io.FixedLenFeature([], tf.string)})["image/encoded"]
        for record in split.records()
    ]
    wanted = model(preprocess(tf.stack(images))).numpy()
    labels = [LABELS[best] for best in np.argmax(wanted, axis=1)]
    assert found.images == COUNT
    assert found.categorical["format"] == {"png": COUNT}
    assert found.categorical["predicted_class"] == {label: labels.count(label) for label in set(labels)}
    assert found.numeric["confidence"].total == found.numeric["brightness"].total == COUNT
    assert all(one.psi == 0 for one in compare(found, found, min_values=1))


def test_one_probability_is_that_of_the_second_class(split):
    exported = predictor(network(1, "sigmoid"), Task.BINARY)
    found = measure_baseline(graph(), exported, Task.BINARY, ("no", "yes"), split)

    assert sum(found["categorical"]["predicted_class"].values()) == COUNT
    assert sum(found["numeric"]["confidence"]["counts"][:25]) == 0  # the likelier of two has at least a half


def test_a_regression_has_no_classes(split):
    found = measure_baseline(graph(), network(1, "linear"), Task.REGRESSION, (), split)

    assert "predicted_class" not in found["categorical"]
    assert found["images"] == COUNT


def test_a_large_split_is_sampled(split, monkeypatch):
    monkeypatch.setattr(baseline, "MAX_IMAGES", 10)

    assert measure_baseline(graph(), network(3, "softmax"), Task.MULTICLASS, LABELS, split)["images"] == 10
