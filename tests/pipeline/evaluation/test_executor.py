"""The gate, whole: TFMA runs on real SavedModels whose mistakes are known, and the report says what came of it."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from darkroom.configuration import DarkroomConfig
from darkroom.task import Task
from pipeline import features
from pipeline.evaluation.executor import OPTIONS_KEY, ModelEvaluatorExecutor
from pipeline.evaluation.options import EvaluationOptions
from pipeline.evaluation.recorded import read_recorded
from pipeline.evaluation.report import EvaluationReport
from pipeline.ingestion.dataset_facts import DatasetFacts, TargetFacts
from pipeline.signatures import EVALUATE_SIGNATURE, PROBABILITIES, VALUE

EXAMPLES = 40
LABELS = ("even", "odd")


class Mistaken(tf.Module):
    """A model of two classes that is wrong about the first `mistakes` examples, or off by as much in their targets."""

    def __init__(self, mistakes, key):
        super().__init__()
        self.mistakes, self.key = mistakes, key

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def evaluate(self, examples):
        kind = tf.int64 if self.key == features.LABEL else tf.float32
        parsed = tf.io.parse_example(
            examples,
            {features.HEIGHT: tf.io.FixedLenFeature([], tf.int64), self.key: tf.io.FixedLenFeature([], kind)},
        )
        label, is_wrong = parsed[self.key], parsed[features.HEIGHT] <= self.mistakes
        if self.key == features.TARGET:
            return {VALUE: label + tf.cast(is_wrong, tf.float32)}
        answer = tf.where(is_wrong, 1 - label, label)
        # The first mistakes are the most confident.
        sure = 0.6 + 0.35 * tf.cast(EXAMPLES - parsed[features.HEIGHT], tf.float32) / EXAMPLES
        return {PROBABILITIES: tf.where(tf.one_hot(answer, 2) > 0, sure[:, None], 1 - sure[:, None])}


def write_example(number, key):
    values = {
        features.FILENAME: f"image-{number}.png".encode(),
        features.SHA256: f"{number * 2**57:016x}{number * 2**57:016x}".encode(),
        features.EXTRA + "camera": b"left" if number <= EXAMPLES // 2 else b"right",
        features.HEIGHT: number,
        features.WIDTH: number,
    }
    if key == features.LABEL:
        values |= {features.LABEL: number % 2, features.LABEL_TEXT: LABELS[number % 2].encode()}
    else:
        values[features.TARGET] = float(number)
    feature = {}
    for name, value in values.items():
        if isinstance(value, bytes):
            feature[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        elif isinstance(value, float):
            feature[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
        else:
            feature[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


class Gate:
    """An Examples artifact, and the Evaluator's executor over it."""

    def __init__(self, folder, task):
        self.folder, self.task = folder, task
        self.key = features.LABEL if task.has_classes else features.TARGET
        split = folder / "examples" / f"Split-{features.TEST_SPLIT}"
        split.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(split / "data_tfrecord-00000-of-00001.gz"), "GZIP") as writer:
            for number in range(1, EXAMPLES + 1):
                writer.write(write_example(number, self.key))
        mean = TargetFacts(count=9, mean=20.0, deviation=1.0, minimum=0.0, maximum=40.0)
        DatasetFacts(
            source="made",
            task=task,
            labels=LABELS if task.has_classes else (),
            counts={"train": {"even": 6, "odd": 4}} if task.has_classes else {},
            targets={} if task.has_classes else {"train": mean},
            quarantined=0,
        ).write(str(folder / "examples"))
        self.examples = standard_artifacts.Examples()
        self.examples.uri = str(folder / "examples")
        self.examples.split_names = artifact_utils.encode_split_names([features.TEST_SPLIT])
        self.runs = 0

    def model(self, mistakes, labels=LABELS):
        artifact = standard_artifacts.Model()
        artifact.uri = str(self.folder / f"model-{mistakes}-{len(labels)}")
        path = path_utils.serving_model_dir(artifact.uri)
        model = Mistaken(mistakes, self.key)
        tf.saved_model.save(model, path, signatures={EVALUATE_SIGNATURE: model.evaluate})
        (Path(path) / "assets.extra").mkdir(exist_ok=True)
        described = {"task": str(self.task), "labels": list(labels) if self.task.has_classes else []}
        (Path(path) / "assets.extra" / "darkroom.json").write_text(json.dumps(described))
        return artifact

    def judge(self, mistakes, baseline=None, **rules):
        data = {"task": str(self.task)} | ({"positive": "odd"} if self.task is Task.BINARY else {})
        config = DarkroomConfig.model_validate({"data": data, "evaluation": rules})
        evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
        self.runs += 1
        evaluation.uri = str(self.folder / f"evaluation-{self.runs}")
        blessing.uri = str(self.folder / f"blessing-{self.runs}")
        inputs = {"examples": [self.examples], "model": [self.model(mistakes)]}
        if baseline is not None:
            inputs["baseline_model"] = [baseline]
        options = EvaluationOptions.from_configuration(config).model_dump_json()
        ModelEvaluatorExecutor().Do(
            inputs, {"evaluation": [evaluation], "blessing": [blessing]}, {OPTIONS_KEY: options}
        )
        return blessing, EvaluationReport.read(evaluation.uri)


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    return Gate(tmp_path_factory.mktemp("binary"), Task.BINARY)


@pytest.fixture(scope="module")
def compared(binary):
    """Four mistakes against a baseline's one."""
    rules = [{"metric": "accuracy", "min": 0.9, "slice": "camera"}, {"metric": "recall", "min": 0.85}]
    return binary.judge(4, binary.model(1), max_accuracy_drop=0.05, rules=rules)


def test_the_models_are_measured_as_tfma_measures_them(compared):
    _, report = compared
    assert report.values["accuracy"] == pytest.approx(0.9)
    assert report.values["accuracy"] == pytest.approx(report.tfma["sparse_categorical_accuracy"])
    assert report.values["log_loss"] == pytest.approx(report.tfma["sparse_categorical_crossentropy"], rel=1e-5)
    assert report.values["roc_auc"] == pytest.approx(report.tfma["auc"], abs=0.01)
    for name in ("precision", "recall"):
        assert report.values[name] == pytest.approx(report.tfma[name], rel=1e-5)
    assert report.baseline_values["accuracy"] == pytest.approx(39 / 40)
    difference = report.tfma["sparse_categorical_accuracy_diff"]
    assert report.values["accuracy"] - report.baseline_values["accuracy"] == pytest.approx(difference)
    low, high = report.intervals["accuracy"]
    assert low < 0.9 < high


def test_a_model_that_fails_a_rule_is_not_blessed(compared):
    blessing, report = compared
    assert [(rule.passed, rule.sentence) for rule in report.rules] == [
        (True, "Accuracy must be at least 0.5000 and is 0.9000: passed."),
        (
            False,
            "Accuracy may fall by at most 0.0500 from the baseline's 0.9750 and changed by -0.0750, which may be "
            "chance (p = 0.250): failed.",
        ),
        (False, "Accuracy where camera is left (20 images) must be at least 0.9000 and is 0.8000: failed."),
        (True, "Accuracy by camera: passed for right."),
        (True, "Recall must be at least 0.8500 and is 0.9000: passed."),
        (
            True,
            "Accuracy must be above the 0.5000 of always answering the commonest class 'even' and is 0.9000: passed.",
        ),
    ]
    assert blessing.get_int_custom_property("blessed") == 0
    assert (Path(blessing.uri) / "NOT_BLESSED").exists()


def test_the_most_confident_mistakes_come_first(compared):
    _, report = compared
    assert [one.filename for one in report.mistakes] == [f"image-{number}.png" for number in (1, 2, 3, 4)]
    first = report.mistakes[0]
    assert (first.label, first.predicted) == ("odd", "even")
    assert first.confidence == pytest.approx(0.6 + 0.35 * 39 / 40)
    assert first.of_label == pytest.approx(1 - first.confidence)


def test_parts_and_curves_are_there_to_be_shown(compared):
    _, report = compared
    found = {(part.slice, part.value): part.images for part in report.slices}
    assert found["class", "odd"] == found["camera", "left"] == 20
    assert found["size", "below 64"] == 40
    assert np.array(report.curves["confusion"]).tolist() == [[18, 2], [2, 18]]
    assert len(report.curves["thresholds"]) == 19
    assert report.curves["roc"]["1"][0] == [0.0, 0.0]


def test_a_baseline_of_other_classes_is_not_compared_with(binary):
    blessing, report = binary.judge(1, binary.model(0, labels=("even", "odd", "prime")))
    assert "The latest blessed model knows other classes, so nothing was compared." in [
        rule.sentence for rule in report.rules
    ]
    assert report.baseline_values == {}
    assert blessing.get_int_custom_property("blessed") == 1


def test_a_larger_split_is_sampled_by_content(binary, compared):
    uri = str(binary.folder / "evaluation-1")
    whole, some = (read_recorded(uri, Task.BINARY, count) for count in (EXAMPLES, 10))
    assert whole.images == some.images == len(whole.sha256) == EXAMPLES
    assert 0 < len(some.sha256) < EXAMPLES
    assert set(some.sha256) <= set(whole.sha256)
    assert list(whole.sha256) == sorted(whole.sha256)


def test_a_regression(tmp_path):
    gate = Gate(tmp_path, Task.REGRESSION)
    blessing, report = gate.judge(10, gate.model(0), rules=[{"metric": "mae", "max": 0.3}])
    assert report.values["mae"] == pytest.approx(0.25) == pytest.approx(report.tfma["mean_absolute_error"])
    assert report.values["mse"] == pytest.approx(report.tfma["mean_squared_error"])
    assert report.baseline_values["mae"] == 0
    assert report.trivial["rmse"] == pytest.approx(np.sqrt(np.mean((np.arange(1, 41) - 20.0) ** 2)))
    assert blessing.get_int_custom_property("blessed") == 1, report.rules
    assert len(report.curves["scatter"]) == EXAMPLES
    assert report.mistakes[0].error == pytest.approx(1.0)
