"""Models that a model server is asked about, and what the check says of them."""

import json
import os
import stat
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from darkroom.configuration.serving_check_section import ServingCheckSection
from darkroom.task import Task
from pipeline import features
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.serving_check.check import Subject, check, largest_difference
from pipeline.serving_check.executor import ServingCheckExecutor
from pipeline.serving_check.reference import Reference
from pipeline.serving_check.rule import at_most, read_rules
from pipeline.serving_check.server_process import EMBEDDED
from pipeline.serving_check.warmup import WARMUP_FILE
from pipeline.training.servable_classifier import ServableClassifier
from pipeline.training.servable_regressor import ServableRegressor
from preprocessing.graph import PreprocessingGraph
from preprocessing.saved import describe, save_preprocessing
from preprocessing.spec import PreprocessingSpec
from tests.preprocessing.made_images import jpeg_bytes, photo, png_bytes

LABELS = ("ant", "bee", "cat")
IMAGES = [png_bytes(photo(30, 20, seed=1)), *(jpeg_bytes(photo(15 + n, 44, seed=n)) for n in range(5))]


def made_subject(root, task, *, seed=1):
    """What a Trainer leaves; with another `seed` the network beside the graph is not the one inside."""
    graph = PreprocessingGraph(PreprocessingSpec(height=12, width=12, scaling="normalize"))
    networks = []
    for number in {1, seed}:
        keras.utils.set_random_seed(number)
        pixels = keras.Input((12, 12, 3))
        hidden = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(pixels))
        activation, units = ("softmax", len(LABELS)) if task.has_classes else ("linear", 1)
        output = keras.layers.Dense(units, activation=activation)(keras.layers.Flatten()(hidden))
        networks.append(keras.Model(pixels, output))
    description = {"labels": LABELS, "task": str(task), "preprocessing": describe(graph)}
    model = root / "model" / "Format-Serving"
    if task.has_classes:
        ServableClassifier(graph, networks[0], LABELS, description).save(str(model))
    else:
        ServableRegressor(graph, networks[0], description).save(str(model))
    (model / "assets.extra").mkdir()
    (model / "assets.extra" / "darkroom.json").write_text(json.dumps(description))
    networks[-1].save(model / "assets.extra" / "network.keras")
    save_preprocessing(graph, str(root / "run" / "preprocessing"))
    return Subject(name="things", model=str(model), model_run=str(root / "run"), task=task, images=IMAGES)


def by_name(rules):
    return {rule.name: rule for rule in rules}


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """A `tensorflow_model_server` that is a script."""

    def write(script):
        executable = tmp_path / "bin" / "tensorflow_model_server"
        executable.parent.mkdir()
        executable.write_text(f"#!/bin/sh\n{script}\n")
        executable.chmod(executable.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{executable.parent}:{os.environ['PATH']}")

    return write


@pytest.mark.slow
def test_a_good_model_passes_in_the_server_that_is_on_the_path(tmp_path, on_path):
    on_path(f'exec {Path(sys.executable).parent}/darkroom-tensorflow-model-server --host=127.0.0.1 "$@"')
    section = ServingCheckSection(load_seconds=400, max_p99_ms=60_000, max_memory_mb=50_000)
    rules = check(made_subject(tmp_path, Task.MULTICLASS), section)
    assert [rule.sentence for rule in rules if rule.passed is False] == []
    assert [rule.name for rule in rules] == [
        *("load_seconds", "difference_grpc", "difference_rest", "preprocessing"),
        *("p50_ms", "p99_ms", "malformed", "memory_mb"),
    ]
    assert "in tensorflow_model_server and took" in rules[0].sentence
    assert by_name(rules)["p50_ms"].passed is None
    assert by_name(rules)["malformed"].measured == 8
    assert by_name(rules)["memory_mb"].measured > 10


@pytest.mark.slow
def test_a_regression_that_differs_from_the_trainers_fails_and_every_broken_limit_is_named(tmp_path):
    section = ServingCheckSection(load_seconds=400, max_p50_ms=1e-6, max_p99_ms=1e-6, max_memory_mb=1)
    rules = by_name(check(made_subject(tmp_path, Task.REGRESSION, seed=2), section))
    assert EMBEDDED in rules["load_seconds"].sentence
    failed = {name for name, rule in rules.items() if rule.passed is False}
    assert failed == {"difference_grpc", "difference_rest", "p50_ms", "p99_ms", "memory_mb"}
    assert "p50, must be at most 1e-06 ms and is" in rules["p50_ms"].sentence


def test_a_server_that_ends_is_a_failed_rule_with_its_last_words(tmp_path, on_path):
    on_path("echo starting >&2; echo no graph here >&2; exit 3")
    [rule] = check(made_subject(tmp_path, Task.MULTICLASS), ServingCheckSection())
    assert not rule.passed
    assert "ended with exit code 3: starting | no graph here" in rule.sentence


def test_a_server_that_takes_too_long_is_a_failed_rule(tmp_path, on_path):
    on_path("exec sleep 60")
    [rule] = check(made_subject(tmp_path, Task.MULTICLASS), ServingCheckSection(load_seconds=0.01))
    assert not rule.passed
    assert "must load within 0.01 s in tensorflow_model_server and did not" in rule.sentence


def test_a_network_that_keras_cannot_read_leaves_the_exported_graph_to_compare_with(tmp_path):
    subject = made_subject(tmp_path, Task.REGRESSION)
    known = Reference(subject.model, subject.model_run, subject.task)
    (Path(subject.model) / "assets.extra" / "network.keras").write_bytes(b"of layers that nobody knows")
    unknown = Reference(subject.model, subject.model_run, subject.task)
    assert known.source == "the trainer's"
    assert "exported graph" in unknown.source
    assert largest_difference(unknown.predict(IMAGES), known.predict(IMAGES)) < 1e-6


def test_differences_are_relative_beyond_one_and_never_hidden_by_nan_or_shape():
    assert largest_difference(np.array([0.5, 0.25]), np.array([[0.5], [0.5]])) == 0.25
    assert largest_difference(np.array([2002.0]), np.array([2000.0])) == pytest.approx(1e-3)
    assert largest_difference(np.array([np.nan]), np.array([1.0])) == np.inf
    assert largest_difference(np.array([1.0]), np.array([1.0, 2.0])) == np.inf


def test_a_number_without_a_limit_is_said_and_does_not_fail():
    rule = at_most("p50_ms", "It", "ms", 3.0, None)
    assert (rule.sentence, rule.passed) == ("It is 3 ms.", None)


class Component:
    """The executor with its artifacts."""

    def __init__(self, root):
        self.subject = made_subject(root, Task.MULTICLASS)
        self._examples = root / "examples"
        (self._examples / "Split-test").mkdir(parents=True)
        DatasetFacts(source="made", labels=LABELS, counts={"test": {"ant": len(IMAGES)}}, quarantined=0).write(
            str(self._examples)
        )
        options = tf.io.TFRecordOptions(compression_type="GZIP")
        with tf.io.TFRecordWriter(str(self._examples / "Split-test" / "records.gz"), options) as writer:
            for image in IMAGES:
                feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
                example = tf.train.Example(features=tf.train.Features(feature={features.ENCODED: feature}))
                writer.write(example.SerializeToString())
        self.blessing = standard_artifacts.InfraBlessing()
        self.blessing.uri = str(root / "blessing")

    def run(self, *, blessed=True, **section):
        model, run, examples = standard_artifacts.Model(), standard_artifacts.ModelRun(), standard_artifacts.Examples()
        model.uri, run.uri = str(Path(self.subject.model).parent), self.subject.model_run
        examples.uri = str(self._examples)
        blessing = standard_artifacts.ModelBlessing()
        blessing.set_int_custom_property("blessed", int(blessed))
        ServingCheckExecutor().Do(
            {"model": [model], "model_run": [run], "examples": [examples], "model_blessing": [blessing]},
            {"blessing": [self.blessing]},
            {"model_name": "things", "section": ServingCheckSection(**section).model_dump_json()},
        )
        [*rules] = read_rules(self.blessing.uri)
        return self.blessing.get_int_custom_property("blessed"), rules


@pytest.fixture(scope="module")
def component(tmp_path_factory):
    return Component(tmp_path_factory.mktemp("component"))


def test_a_model_that_evaluation_did_not_bless_is_not_served(component):
    blessed, [rule] = component.run(blessed=False)
    assert not blessed
    assert "left out" in rule.sentence


def test_a_check_that_is_switched_off_still_writes_the_warm_up(component):
    from tensorflow_serving.apis import prediction_log_pb2

    blessed, [rule] = component.run(enabled=False)
    assert blessed
    assert "switched off" in rule.sentence
    records = tf.data.TFRecordDataset(f"{component.blessing.uri}/{WARMUP_FILE}").as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record).predict_log.request for record in records]
    assert [tf.make_ndarray(log.inputs["image_bytes"]).tolist() for log in logs] == [IMAGES[:1], IMAGES[:4]]


def test_a_check_that_fails_is_no_error(component, on_path):
    on_path("exit 1")
    blessed, [rule] = component.run()
    assert not blessed
    assert rule.passed is False
