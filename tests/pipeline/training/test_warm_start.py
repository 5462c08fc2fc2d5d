"""Going on from a model that was exported: weights, optimizer, and what happens when the classes change."""

import json

import numpy as np
import pytest

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError
from pipeline.model_description import DESCRIPTION_FILE, NETWORK_FILE
from pipeline.models.predictor import save_network
from pipeline.training.fit import fit
from pipeline.training.options import TrainerOptions
from pipeline.training.warm_start import find_version, read_starting_model, save_optimizer
from preprocessing.graph import PreprocessingGraph
from tests.pipeline.training.records import LABELS, facts, write_split

TRAIN, EVAL = 48, 12
FACTS = facts(TRAIN)


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    root = tmp_path_factory.mktemp("examples")
    return write_split(root / "train", TRAIN), write_split(root / "eval", EVAL)


def configuration(folder, **training):
    return DarkroomConfig.model_validate(
        {
            "preprocessing": {"height": 8, "width": 8, "channels": 1, "scaling": "symmetric"},
            "model": {"name": "pets", "small_cnn": {"filters": [4], "dense_units": 8}, "dropout": 0.0},
            "training": {"epochs": 2, "batch_size": 16, "early_stopping": None} | training,
        }
    ).located_at(folder)


def train(config, splits, facts=FACTS, starting=None):
    options = TrainerOptions.from_configuration(config, "0")
    if starting is not None:
        options = options.model_copy(update={"starting": starting})
    return fit(options, PreprocessingGraph(config.preprocessing), *splits, facts=facts)


def export(result, folder, labels=LABELS, *, optimizer=True):
    """What a push leaves of a model, as far as a warm start reads it."""
    assets = folder / "assets.extra"
    assets.mkdir(parents=True)
    save_network(result.network.model, str(assets / NETWORK_FILE))
    (assets / DESCRIPTION_FILE).write_text(json.dumps({"labels": labels, "created": "2026-01-01T00:00:00+00:00"}))
    if optimizer:
        save_optimizer(result.network.model, str(folder))
    return read_starting_model(str(folder), "pets/7")


@pytest.fixture(scope="module")
def trained(splits, tmp_path_factory):
    return train(configuration(tmp_path_factory.mktemp("first"), schedule={"name": "constant"}), splits)


def still(**recipe):
    """A training that changes next to nothing, so that what it began with shows."""
    return {"steps": 1, "learning_rate": 1e-9, "recipe": {"name": "warm_start"} | recipe}


def test_the_weights_are_those_of_the_other_model(trained, splits, tmp_path):
    starting = export(trained, tmp_path / "pets" / "7")
    gone_on = train(configuration(tmp_path, **still()), splits, starting=starting)
    pairs = zip(trained.network.model.trainable_weights, gone_on.network.model.trainable_weights, strict=True)
    assert all(np.allclose(one.numpy(), other.numpy(), atol=1e-6) for one, other in pairs)


def test_with_another_class_the_head_begins_anew_and_the_base_goes_on(trained, splits, tmp_path):
    starting = export(trained, tmp_path / "pets" / "7")
    more = FACTS.model_copy(update={"labels": (*LABELS, "striped")})
    gone_on = train(configuration(tmp_path, **still()), splits, facts=more, starting=starting)
    pairs = zip(trained.network.base.trainable_weights, gone_on.network.base.trainable_weights, strict=True)
    assert all(np.allclose(one.numpy(), other.numpy(), atol=1e-6) for one, other in pairs)
    assert gone_on.network.model.output_shape == (None, 4)


def test_two_trainings_with_the_optimizer_between_them_are_one(splits, tmp_path):
    """Adam without its averages takes other steps; with them, two epochs and two more are four."""
    plain = {"schedule": {"name": "constant"}, "deterministic": True}
    whole = train(configuration(tmp_path, epochs=4, **plain), splits)
    first = train(configuration(tmp_path, epochs=2, **plain), splits)
    starting = export(first, tmp_path / "pets" / "7")
    steps = int(first.network.model.optimizer.iterations.numpy())
    recipe = {"name": "warm_start", "optimizer_state": True}
    second = train(configuration(tmp_path, epochs=2, recipe=recipe, **plain), splits, starting=starting)
    assert int(second.network.model.optimizer.iterations.numpy()) == 2 * steps
    # The second begins at epoch 0 again, so its batches come in another order than the whole training's.
    assert second.history["loss"][-1] == pytest.approx(whole.history["loss"][-1], rel=0.2)
    assert second.history["loss"][0] < first.history["loss"][0]


def test_a_schedule_begins_anew_although_the_steps_go_on(trained, splits, tmp_path):
    starting = export(trained, tmp_path / "pets" / "7")
    recipe = {"name": "warm_start", "optimizer_state": True}
    gone_on = train(configuration(tmp_path, recipe=recipe, learning_rate=0.01), splits, starting=starting)
    assert 0.004 < gone_on.history["learning_rate"][0] < 0.01


def test_an_optimizer_that_was_not_kept_says_what_to_set(trained, splits, tmp_path):
    starting = export(trained, tmp_path / "pets" / "7", optimizer=False)
    with pytest.raises(ConfigurationError, match=r"set training\.keep_optimizer"):
        train(
            configuration(tmp_path, recipe={"name": "warm_start", "optimizer_state": True}), splits, starting=starting
        )


def test_another_optimizer_is_refused(trained, splits, tmp_path):
    starting = export(trained, tmp_path / "pets" / "7")
    recipe = {"name": "warm_start", "optimizer_state": True}
    with pytest.raises(ConfigurationError, match="of another optimizer or network"):
        train(configuration(tmp_path, recipe=recipe, optimizer={"name": "sgd"}), splits, starting=starting)


def test_a_version_is_found_and_a_missing_one_is_named(trained, tmp_path):
    export(trained, tmp_path / "models" / "pets" / "7")
    found = find_version(configuration(tmp_path, recipe={"name": "warm_start", "version": "7"}))
    assert found is not None
    assert found.name == "pets/7"
    with pytest.raises(ConfigurationError, match=r"pets has no version 8 in .*; it has 7"):
        find_version(configuration(tmp_path, recipe={"name": "warm_start", "version": "8"}))
    assert find_version(configuration(tmp_path, recipe={"name": "warm_start"})) is None
