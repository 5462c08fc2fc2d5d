"""Whole trainings of tiny networks: what is configured is what happens."""

import itertools
import json

import keras
import numpy as np
import pytest

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError
from pipeline.models.predictor import predictor
from pipeline.training.description import model_description
from pipeline.training.fit import fit
from pipeline.training.options import TrainerOptions
from preprocessing.graph import PreprocessingGraph
from tests.pipeline.training.records import facts, write_split

TRAIN, EVAL = 45, 12
SHAPE = (8, 8, 1)
NUMBERS = itertools.count()
DOCUMENT = {
    "preprocessing": {"height": 8, "width": 8, "channels": 1, "scaling": "symmetric"},
    "model": {"small_cnn": {"filters": [4], "dense_units": 8}},
    "training": {"epochs": 2, "batch_size": 16, "early_stopping": None, "learning_rate": 0.01},
}
FACTS = facts(TRAIN)


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    root = tmp_path_factory.mktemp("examples")
    return write_split(root / "train", TRAIN), write_split(root / "eval", EVAL)


@pytest.fixture
def train(splits, tmp_path):
    def run(*, training=None, model=None, module=None):
        document = json.loads(json.dumps(DOCUMENT))
        document["training"] |= training or {}
        document["model"] |= model or {}
        if module is not None:
            # A module of this name must not have been imported before.
            document["model"]["module"] = f"own_fit_{next(NUMBERS)}"
            (tmp_path / f"{document['model']['module']}.py").write_text("import keras\n" + module)
        config = DarkroomConfig.model_validate(document).located_at(tmp_path)
        options = TrainerOptions.from_configuration(config, "0")
        graph = PreprocessingGraph(config.preprocessing)
        result = fit(options, graph, *splits, facts=FACTS)
        return result, model_description(options, FACTS, graph, result)

    return run


BUILD = """
def build_model(input_shapes, n_classes):
    pixels = keras.Input(input_shapes["main"])
    base = keras.Sequential([keras.Input(input_shapes["main"]), keras.layers.Conv2D(4, 3)], name="base")
    pooled = keras.layers.GlobalMaxPooling2D()(base(pixels))
    return keras.Model(pixels, keras.layers.Dense({units}, activation={activation!r})(pooled))
"""


def test_the_same_seed_gives_the_same_weights(train):
    training = {"augmentation": {"rotation": 10, "mixup": 0.2}, "label_smoothing": 0.1}
    first, again = (train(training=training)[0].network.model.get_weights() for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))


def test_it_learns(train):
    result, _ = train(training={"epochs": 15, "optimizer": {"name": "nadam"}, "schedule": {"name": "constant"}})
    assert result.at_best("val_accuracy") == 1.0


def test_it_learns_from_segments(train, tmp_path):
    # Preprocessed, the images take 0.0139 megabytes.
    feeding = {"mode": "hybrid", "memory_megabytes": 0.0138, "scratch_folder": str(tmp_path / "scratch")}
    training = {"epochs": 12, "batch_size": 8, "optimizer": {"name": "nadam"}, "schedule": {"name": "constant"}}
    result, description = train(training=training | {"feeding": feeding})
    assert result.at_best("val_accuracy") == 1.0
    told = description["training"]["feeding"]
    assert (told["mode"], told["evaluation_mode"], told["segments"]) == ("hybrid", "memory", 3)
    assert "both splits take" in told["reason"]
    assert list((tmp_path / "scratch").iterdir()) == []


def test_the_description_names_what_was_used(train):
    _, description = train(
        training={"optimizer": {"name": "lion"}, "label_smoothing": 0.1, "class_weights": "balanced"},
        model={"pooling": "max"},
    )
    training = json.loads(json.dumps(description))["training"]
    assert training["optimizer"] == "Lion"
    assert training["loss"] == {"name": "categorical_crossentropy", "from_logits": False, "label_smoothing": 0.1}
    assert training["model"]["pooling"] == "max"
    assert training["options"]["class_weights"] == "balanced"
    assert training["weights"] is None
    assert training["own_code"] is None


def test_steps_end_training_within_an_epoch(train):
    result, _ = train(training={"steps": 4})
    assert int(result.network.model.optimizer.iterations.numpy()) == 4
    assert result.epochs_run == 2


def test_copies_make_an_epoch_longer(train):
    result, _ = train(training={"epochs": 1, "augmentation": {"n_augmentation": 4}})
    assert int(result.network.model.optimizer.iterations.numpy()) == 12


def test_a_plateau_lowers_the_learning_rate(train):
    schedule = {"name": "plateau", "patience": 1, "min_delta": 100.0, "factor": 0.1}
    result, _ = train(training={"epochs": 4, "schedule": schedule})
    assert result.history["learning_rate"][-1] < 0.005


def test_class_weights_change_what_is_learned(train):
    result, _ = train(training={"epochs": 10, "class_weights": {"dark": 0, "light": 1, "split": 0}})
    probabilities = result.network.model.predict(np.random.default_rng(0).uniform(-1, 1, (9, *SHAPE)), verbose=0)
    assert (probabilities.argmax(axis=1) == 1).all()


@pytest.mark.parametrize("training", [{"epochs": 2}, {"steps": 4}], ids=["whole epochs", "a part of one"])
def test_the_moving_average_is_what_is_evaluated_and_kept(train, training):
    """With a momentum this near to one, the average stays at what the first step left, where Keras begins it."""
    options = training | {"optimizer": {"name": "adam", "ema_momentum": 0.999999}}
    result, _ = train(training=options)
    begun, _ = train(training={"steps": 1})
    for kept, first in zip(result.network.model.trainable_weights, begun.network.model.trainable_weights, strict=True):
        assert np.allclose(kept.numpy(), first.numpy(), atol=1e-3)


def test_a_network_of_the_users_own(train):
    result, description = train(module=BUILD.format(units="n_classes", activation="softmax"))
    assert result.network.base.name == "base"
    assert description["training"]["own_code"]["functions"] == ["build_model"]
    assert description["training"]["architecture"].endswith(".build_model")


def test_logits_train_and_leave_as_probabilities(train):
    result, description = train(module=BUILD.format(units="n_classes", activation=None))
    assert description["training"]["loss"]["from_logits"]
    probabilities = predictor(result.network.model, result.task)(np.zeros((2, *SHAPE), np.float32)).numpy()
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_the_users_compilation_and_callbacks(train):
    module = BUILD.format(units="n_classes", activation="softmax") + (
        "def compile_model(model):\n"
        "    model.compile('sgd', 'categorical_crossentropy', metrics=['accuracy'])\n"
        "class Stop(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        self.model.stop_training = True\n"
        "def callbacks(metric, greater_is_better):\n"
        "    return [Stop()] if (metric, greater_is_better) == ('val_loss', False) else []\n"
    )
    result, description = train(module=module, training={"augmentation": {"cutmix": 1.0}})
    assert result.epochs_run == 1
    assert description["training"]["optimizer"] == "SGD"


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            BUILD.format(units=2, activation="softmax"),
            r"needs a last layer of 3 units .*\.build_model has 2",
        ),
        ("def build_model(input_shapes, n_classes):\n    return 3\n", "must return a keras.Model, but returned int"),
        ("def compile_model(model):\n    pass\n", "compile_model must compile the model"),
        ("def compile_model(model):\n    model.compile(loss='binary_crossentropy')\n", "categorical_crossentropy fits"),
        ("def callbacks(metric, greater_is_better):\n    return 3\n", "must return a list of keras.callbacks.Callback"),
    ],
)
def test_mistakes_of_the_users_module_end_it_before_training(train, module, message):
    with pytest.raises(ConfigurationError, match=message):
        train(module=module)


def test_mixing_needs_a_loss_for_shares(train):
    module = "def compile_model(model):\n    model.compile('sgd', 'sparse_categorical_crossentropy')\n"
    with pytest.raises(ConfigurationError, match=r"mixes labels \(mixup, cutmix\), but the loss takes class ids"):
        train(module=module, training={"augmentation": {"mixup": 0.2}})


def test_weights_go_into_the_base_and_the_head_is_new(train, tmp_path):
    first, _ = train()
    base = first.network.base
    keras.Model(base.input, base.output).save_weights(tmp_path / "first.weights.h5")
    second, description = train(
        model={"weights": "first.weights.h5"}, training={"steps": 1, "learning_rate": 1e-12, "seed": 9}
    )
    kernels = [network.base.get_layer("block1_conv1").kernel.numpy() for network in (first.network, second.network)]
    assert np.allclose(*kernels, atol=1e-6)
    heads = [network.model.get_layer("probabilities").kernel.numpy() for network in (first.network, second.network)]
    assert not np.allclose(*heads, atol=1e-3)
    assert description["training"]["weights"]["name"] == "first.weights.h5"


def test_weights_for_a_network_without_a_base_are_refused(train, tmp_path):
    (tmp_path / "some.keras").write_bytes(b"")
    module = BUILD.format(units="n_classes", activation="softmax").replace('name="base"', 'name="trunk"')
    with pytest.raises(ConfigurationError, match="go into the layer named 'base'"):
        train(module=module, model={"weights": "some.keras"})
