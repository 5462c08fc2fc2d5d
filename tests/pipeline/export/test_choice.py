"""The forms in which a network may be served."""

from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf

from darkroom.configuration.export_section import ExportSection
from pipeline.export.choice import choose
from pipeline.export.frozen import FrozenNetwork
from pipeline.training.servable_classifier import ServableClassifier
from preprocessing.graph import PreprocessingGraph
from preprocessing.spec import PreprocessingSpec
from tests.preprocessing.made_images import jpeg_bytes, photo, png_bytes

LABELS = ("ant", "bee", "cat")
IMAGES = [png_bytes(photo(30, 20, seed=1)), jpeg_bytes(photo(15, 44, seed=2))]


class Unwritable(keras.metrics.Mean):
    def get_config(self):
        raise NotImplementedError


def faster(first, second, pixels):
    return 0.002, 0.001


def slower(first, second, pixels):
    return 0.001, 0.002


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    pixels = keras.Input((12, 12, 3))
    hidden = keras.layers.BatchNormalization()(keras.layers.Conv2D(32, 3, use_bias=False)(pixels))
    hidden = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(hidden))
    hidden = keras.layers.Dense(256, activation="relu")(hidden)
    model = keras.Model(pixels, keras.layers.Dense(3, activation="softmax")(hidden))
    random = np.random.default_rng(1)
    [norm] = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    # As a training leaves it, with a metric that nobody could write down.
    model.compile(loss="sparse_categorical_crossentropy", metrics=[Unwritable()])
    norm.set_weights([random.uniform(0.5, 1.5, 32) for _ in range(4)])
    return model


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(2).uniform(0, 1, (16, 12, 12, 3)).astype(np.float32)


def test_frozen_batch_norms_are_folded_into_the_convolution(model):
    operations = Counter(node.op for node in FrozenNetwork(model, (12, 12, 3)).graph_def.node)
    assert operations["Conv2D"] == 1
    assert not {"Mul", "Rsqrt", "ReadVariableOp", "VarHandleOp"} & set(operations)


def test_a_frozen_network_is_chosen_where_it_is_equal_and_faster(model, pixels):
    found = choose(model, ExportSection(), pixels, faster)
    assert found.facts["form"] == "frozen"
    assert found.facts["difference"] <= 1e-5
    assert found.facts["milliseconds"] == {"variables": 2.0, "frozen": 1.0}
    assert np.allclose(found.network(pixels), model(pixels), atol=1e-5)


def test_a_frozen_network_that_is_slower_is_chosen_only_if_asked_for(model, pixels):
    found = choose(model, ExportSection(), pixels, slower)
    assert found.network is model
    assert "not faster" in found.facts["sentence"]
    assert choose(model, ExportSection(freeze="always"), pixels, slower).facts["form"] == "frozen"


def test_never_freezing_measures_nothing(model, pixels):
    assert choose(model, ExportSection(freeze="never"), pixels).network is model


def test_predictions_that_differ_too_much_leave_the_network_as_it_is(model, pixels):
    found = choose(model, ExportSection(precision="float16", half_tolerance=1e-9), pixels, faster)
    assert found.network is model
    assert "more than 1e-09" in found.facts["sentence"]
    assert "tolerance" not in found.facts


def test_a_network_that_cannot_be_frozen_is_served_as_it_is(model, pixels, monkeypatch):
    def refuse(*args):
        raise ValueError("no such op")

    monkeypatch.setattr("pipeline.export.choice.FrozenNetwork", refuse)
    found = choose(model, ExportSection(freeze="always"), pixels)
    assert found.network is model
    assert "no such op" in found.facts["sentence"]


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_halves_the_weights_and_answers_in_float32(model, pixels, precision):
    found = choose(model, ExportSection(precision=precision), pixels, slower)
    assert found.facts["precision"] == precision
    assert found.facts["tolerance"] == 0.02
    assert found.network(pixels).dtype == tf.float32
    whole = FrozenNetwork(model, (12, 12, 3)).graph_def.ByteSize()
    assert found.network.graph_def.ByteSize() < 0.75 * whole


def test_a_frozen_model_has_every_signature_for_sessions_and_for_tensorflow(model, pixels, tmp_path):
    section = ExportSection(precision="bfloat16")
    graph = PreprocessingGraph(PreprocessingSpec(height=12, width=12, scaling="normalize"))
    found = choose(model, section, pixels, slower)
    path = str(tmp_path / "model")
    ServableClassifier(graph, found.network, LABELS, {"labels": LABELS, "export": found.facts}).save(path)
    wanted = model(graph(tf.constant(IMAGES))).numpy()
    loaded = tf.saved_model.load(path)
    assert set(loaded.signatures) == {
        *("serving_default", "serving_pixels", "preprocess", "classify", "evaluate", "describe")
    }
    tolerance = found.facts["tolerance"]
    answer = loaded.signatures["serving_default"](tf.constant(IMAGES))["probabilities"].numpy()
    assert np.allclose(answer, wanted, atol=tolerance)
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        signatures = tf.compat.v1.saved_model.load(session, ["serve"], path).signature_def
        served = signatures["serving_default"]
        answer = session.run(served.outputs["probabilities"].name, {served.inputs["image_bytes"].name: IMAGES})
    assert np.allclose(answer, wanted, atol=tolerance)
