"""Sixteen bits inside, float32 outside."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.model_section import ModelSection
from darkroom.task import Task
from pipeline.distribution.precision import compute_in_float32, precision
from pipeline.models.network import build_network
from pipeline.models.predictor import predictor
from pipeline.training.description import model_description
from pipeline.training.fit import fit
from pipeline.training.options import TrainerOptions
from pipeline.training.servable_classifier import ServableClassifier
from preprocessing.graph import PreprocessingGraph
from tests.pipeline.distribution.whole_training import document
from tests.pipeline.training.records import facts, write_split

PIXELS = np.random.default_rng(0).normal(size=(8, 16, 16, 1)).astype(np.float32)
LABELS = np.arange(8) % 3


def trained(policy):
    keras.utils.set_random_seed(0)
    with precision(policy):
        model = build_network(ModelSection(), (16, 16, 1), Task.MULTICLASS, 3).model
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy())
        model.fit(PIXELS, LABELS, epochs=3, verbose=0)
    return model


@pytest.mark.parametrize(("policy", "inside"), [("mixed_bfloat16", "bfloat16"), ("mixed_float16", "float16")])
def test_layers_compute_in_sixteen_bits_and_the_output_is_float32(policy, inside):
    model = trained(policy)
    assert {layer.compute_dtype for layer in model.get_layer("base").layers} == {inside}
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert model(PIXELS).dtype.name == "float32"


def test_float16_scales_its_loss():
    assert isinstance(trained("mixed_float16").optimizer, keras.optimizers.LossScaleOptimizer)
    assert not isinstance(trained("mixed_bfloat16").optimizer, keras.optimizers.LossScaleOptimizer)


def test_the_policy_ends_with_the_context():
    with precision("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_trained_network_computes_in_float32_when_it_is_served(policy):
    model = trained(policy)
    rough = model(PIXELS).numpy()
    compute_in_float32(model)
    same = keras.models.clone_model(trained("float32"))
    same.set_weights(model.get_weights())
    assert np.allclose(model(PIXELS).numpy(), same(PIXELS).numpy(), atol=1e-6)
    assert not np.array_equal(model(PIXELS).numpy(), rough)


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    root = tmp_path_factory.mktemp("examples")
    return write_split(root / "train", 45), write_split(root / "eval", 13)


def exported(splits, folder, policy):
    """Signatures and description of a model trained under a policy."""
    config = DarkroomConfig.model_validate(document({"epochs": 1, "precision": policy}))
    options, graph = TrainerOptions.from_configuration(config, "0"), PreprocessingGraph(config.preprocessing)
    result = fit(options, graph, *splits, facts=facts(45))
    description = model_description(options, facts(45), graph, result)
    model = predictor(result.network.model, result.task)
    ServableClassifier(graph, model, facts(45).labels, description).save(str(folder))
    return tf.saved_model.load(str(folder)).signatures, description


def types(signatures):
    return {
        name: (
            {key: spec.dtype for key, spec in signature.structured_input_signature[1].items()},
            {key: spec.dtype for key, spec in signature.structured_outputs.items()},
        )
        for name, signature in signatures.items()
    }


@pytest.mark.slow
def test_signatures_are_the_same_under_every_precision(splits, tmp_path):
    plain, _ = exported(splits, tmp_path / "plain", "float32")
    mixed, description = exported(splits, tmp_path / "mixed", "mixed_float16")
    assert types(mixed) == types(plain)
    assert description["training"]["optimizer"] == "SGD"
    assert description["training"]["options"]["precision"] == "mixed_float16"

    assert "DT_HALF" not in str(mixed["serving_pixels"].graph.as_graph_def())
