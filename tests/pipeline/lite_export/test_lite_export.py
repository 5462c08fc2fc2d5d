"""LiteRT files: made, evaluated, and left out when they are too far off."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from darkroom.configuration.lite_section import LiteSection
from darkroom.task import Task
from pipeline import features
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.lite_export.conversion import LiteNetwork
from pipeline.lite_export.evaluation import judge
from pipeline.lite_export.executor import LiteExportExecutor
from pipeline.lite_export.lite_model import LITE_FILE, LiteFacts, LiteModel
from preprocessing.graph import PreprocessingGraph
from preprocessing.saved import save_preprocessing
from preprocessing.spec import PreprocessingSpec
from tests.preprocessing.made_images import photo, png_bytes

IMAGES = [png_bytes(photo(20 + n, 20, seed=n)) for n in range(24)]


class Component:
    """The executor with a network that is right about half of the images."""

    def __init__(self, root):
        self._root = root
        self._runs = 0
        self.graph = PreprocessingGraph(PreprocessingSpec(height=12, width=12, scaling="normalize"))
        keras.utils.set_random_seed(1)
        pixels = keras.Input((12, 12, 3))
        hidden = keras.layers.BatchNormalization()(keras.layers.Conv2D(64, 3, use_bias=False)(pixels))
        hidden = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(hidden))
        hidden = keras.layers.Dense(128, activation="relu")(hidden)
        self.network = keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(hidden))
        assets = root / "model" / "Format-Serving" / "assets.extra"
        assets.mkdir(parents=True)
        (assets / "darkroom.json").write_text(json.dumps({"task": "multiclass"}))
        self.network.save(assets / "network.keras")
        save_preprocessing(self.graph, str(root / "run" / "preprocessing"))
        found = np.argmax(self.network(self.graph(tf.constant(IMAGES))), axis=1)
        labels = [int(label) if number % 2 else 1 - int(label) for number, label in enumerate(found)]
        for split in ("train", "test"):
            self._write(split, labels)
        DatasetFacts(
            source="made", labels=("a", "b"), counts={split: {"a": 24} for split in ("train", "test")}, quarantined=0
        ).write(str(root / "examples"))

    def _write(self, split, labels):
        folder = self._root / "examples" / f"Split-{split}"
        folder.mkdir(parents=True)
        options = tf.io.TFRecordOptions(compression_type="GZIP")
        with tf.io.TFRecordWriter(str(folder / "records.gz"), options) as writer:
            for image, label in zip(IMAGES, labels, strict=True):
                feature = {
                    features.ENCODED: tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
                    features.LABEL: tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
                writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())

    def run(self, **section):
        self._runs += 1
        model, run, examples = standard_artifacts.Model(), standard_artifacts.ModelRun(), standard_artifacts.Examples()
        lite = LiteModel()
        lite.uri = str(self._root / f"lite{self._runs}")
        for artifact, name in ((model, "model"), (run, "run"), (examples, "examples")):
            artifact.uri = str(self._root / name)
        LiteExportExecutor().Do(
            {"model": [model], "model_run": [run], "examples": [examples]},
            {"lite_model": [lite]},
            {"section": LiteSection(**section).model_dump_json()},
        )
        file = Path(lite.uri) / LITE_FILE
        return LiteFacts.read(lite.uri), file.read_bytes() if file.exists() else None


@pytest.fixture(scope="module")
def component(tmp_path_factory):
    return Component(tmp_path_factory.mktemp("component"))


@pytest.mark.parametrize("quantization", ["dynamic", "int8"])
def test_a_file_is_made_and_evaluated_over_the_test_split(component, quantization):
    facts, content = component.run(quantization=quantization, max_accuracy_drop=0.2)
    assert facts.passed
    assert (facts.images, facts.metric, facts.network_value) == (24, "accuracy", 0.5)
    assert facts.value == pytest.approx(0.5, abs=0.2)
    assert facts.size_bytes == len(content)
    pixels = np.asarray(component.graph(tf.constant(IMAGES[:5])))
    assert np.allclose(LiteNetwork(content).predict(pixels), component.network(pixels), atol=0.05)
    assert len(content) < 0.7 * 4 * component.network.count_params()


def test_a_file_that_cannot_be_made_is_left_out_and_said(component, monkeypatch):
    def refuse(*args):
        raise RuntimeError("no LiteRT op\nmore")

    monkeypatch.setattr("pipeline.lite_export.executor.convert", refuse)
    facts, content = component.run()
    assert content is None
    assert not facts.passed
    assert facts.sentence == "The LiteRT file could not be made and is left out: no LiteRT op"


@pytest.mark.parametrize(
    ("task", "value", "network_value", "passed"),
    [
        (Task.MULTICLASS, 0.89, 0.9, True),
        (Task.MULTICLASS, 0.88, 0.9, False),
        (Task.BINARY, 0.95, 0.9, True),
        (Task.REGRESSION, 2.1, 2.0, True),
        (Task.REGRESSION, 2.2, 2.0, False),
    ],
)
def test_its_threshold_is_its_own(task, value, network_value, passed):
    facts = judge(LiteSection(), task, 1000, (50, value, network_value))
    assert facts.passed is passed
    assert facts.sentence.endswith("passed." if passed else "left out.")


def test_an_empty_test_split_passes_nothing():
    assert not judge(LiteSection(), Task.MULTICLASS, 1000, (0, 0.0, 0.0)).passed
