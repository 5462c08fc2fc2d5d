"""Recipes to phases, on real networks."""

import keras
import numpy as np
import pytest

from darkroom.configuration.model_section import ModelSection
from darkroom.configuration.recipe_section import RecipeSection
from darkroom.configuration.training_section import TrainingSection
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.models.network import build_network, network_of
from pipeline.training.recipes.freezing import Freezing
from pipeline.training.recipes.plan import default_patience, plan

MANY = 1000.0


@pytest.fixture
def network():
    section = ModelSection.model_validate({"small_cnn": {"filters": [2, 3, 4], "dense_units": 0}, "dropout": 0.3})
    return build_network(section, (16, 16, 1), Task.MULTICLASS, 3)


@pytest.fixture
def freezing(network):
    return Freezing(network)


def phases(network, images_per_class=MANY, **recipe):
    return plan(TrainingSection.model_validate({"recipe": recipe}), network, images_per_class)


def learning_groups(network):
    return [group.name for group in network.groups if any(weight.trainable for weight in _weights(group))]


def _weights(group):
    return [weight for layer in group.layers for weight in layer.trainable_weights]


def test_scratch_trains_everything_as_training_says(network, freezing):
    section = TrainingSection(epochs=7, learning_rate=0.02)
    [phase] = plan(section, network, MANY)
    phase.prepare(network, freezing)
    assert (phase.epochs, phase.learning_rate, phase.schedule.name) == (7, 0.02, "cosine")
    assert learning_groups(network) == ["1", "2", "3"]


def test_transfer_trains_the_head_alone(network, freezing):
    [phase] = phases(network, name="transfer")
    phase.prepare(network, freezing)
    assert learning_groups(network) == []
    assert network.model.trainable_weights


def test_fine_tune_trains_the_head_then_everything(network, freezing):
    head, everything = phases(network, name="fine_tune")
    assert (head.epochs, head.learning_rate) == (100, 0.001)
    assert (everything.epochs, everything.learning_rate) == (100, 0.0003)
    head.prepare(network, freezing)
    assert learning_groups(network) == []
    everything.prepare(network, freezing)
    assert learning_groups(network) == ["1", "2", "3"]
    assert next(layer for layer in network.head if layer.name == "head_dropout").rate == 0.75


@pytest.mark.parametrize(("images", "patience"), [(199, 5), (200, 4), (499, 4), (500, 2)])
def test_fine_tune_waits_longer_with_fewer_images(network, images, patience):
    assert default_patience(images) == patience
    for phase in phases(network, images, name="fine_tune"):
        assert phase.schedule.patience == patience
        assert phase.patience == 3 * patience
        assert phase.watched.metric == "val_accuracy"
        assert phase.watched.greater_is_better


def test_progressive_unfreezes_from_the_top_and_the_stem_last(network, freezing):
    seen = []
    for phase in phases(network, name="progressive", group_epochs=2):
        phase.prepare(network, freezing)
        seen.append((phase.epochs, learning_groups(network)))
    assert seen == [(100, []), (2, ["3"]), (2, ["2", "3"]), (2, ["1", "2", "3"])]


def test_domain_init_begins_with_strong_dropout_and_ends_with_the_usual_one(network, freezing):
    dropout = next(layer for layer in network.head if layer.name == "head_dropout")
    first, second = phases(network, name="domain_init", init_epochs=4)
    first.prepare(network, freezing)
    assert (first.epochs, dropout.rate) == (4, 0.75)
    second.prepare(network, freezing)
    assert (second.epochs, dropout.rate) == (30, 0.3)


def test_dropout_can_be_raised_where_the_model_has_none():
    section = ModelSection.model_validate({"small_cnn": {"filters": [2], "dense_units": 0}, "dropout": 0.0})
    network = build_network(section, (8, 8, 1), Task.MULTICLASS, 3)
    pixels = np.random.default_rng(0).normal(size=(4, 8, 8, 1))
    assert np.array_equal(network.model(pixels, training=True), network.model(pixels, training=True))
    phases(network, name="fine_tune")[0].prepare(network, Freezing(network))
    assert not np.array_equal(network.model(pixels, training=True), network.model(pixels, training=True))


def test_batch_norm_in_frozen_layers_keeps_its_averages(network, freezing):
    [phase] = phases(network, name="transfer")
    phase.prepare(network, freezing)
    network.model.compile("sgd", "sparse_categorical_crossentropy")
    norms = [
        layer
        for group in network.groups
        for layer in group.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    before = [layer.moving_mean.numpy().copy() for layer in norms]
    rng = np.random.default_rng(0)
    network.model.fit(rng.normal(5, 3, (16, 16, 16, 1)), rng.integers(0, 3, 16), verbose=0)
    assert norms
    assert all(np.array_equal(layer.moving_mean.numpy(), mean) for layer, mean in zip(norms, before, strict=True))


def test_freezing_a_network_without_a_base_says_what_to_do(network):
    pixels = keras.Input((16, 16, 1))
    own = network_of(keras.Model(pixels, keras.layers.Dense(3, "softmax")(keras.layers.Flatten()(pixels))))
    [phase] = phases(own, name="transfer")
    with pytest.raises(ConfigurationError, match="no layer named 'base'"):
        phase.prepare(own, Freezing(own))
    with pytest.raises(ConfigurationError, match="choose fine_tune"):
        phases(own, name="progressive")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "scratch", "head_epochs": 3}, "scratch has no head_epochs; fine_tune, progressive have it"),
        ({"name": "fine_tune", "group_epochs": 9}, "fine_tune has no group_epochs; progressive have it"),
        ({"name": "warm_start", "version": "newest"}, "String should match pattern"),
    ],
)
def test_options_of_another_recipe_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RecipeSection.model_validate(options)


def test_layers_that_the_user_froze_stay_frozen():
    pixels = keras.Input((8, 8, 1))
    fixed = keras.layers.Conv2D(2, 3, trainable=False)
    base = keras.Model(pixels, keras.layers.Conv2D(2, 3)(fixed(pixels)), name="base")
    inputs = keras.Input((8, 8, 1))
    own = network_of(
        keras.Model(inputs, keras.layers.Dense(3, "softmax")(keras.layers.GlobalMaxPooling2D()(base(inputs))))
    )
    freezing = Freezing(own)
    freezing.head_only()
    freezing.thaw()
    assert [layer.trainable for layer in base.layers[1:]] == [False, True]
