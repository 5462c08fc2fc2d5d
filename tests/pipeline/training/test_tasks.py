"""Whole trainings of tiny networks for each task: trained, exported and asked."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline import features
from pipeline.models.predictor import predictor, save_network
from pipeline.training.feeding.decoding import decode_all
from pipeline.training.fit import fit
from pipeline.training.options import TrainerOptions
from pipeline.training.servable_classifier import ServableClassifier
from pipeline.training.servable_regressor import ServableRegressor
from pipeline.training.split_files import SplitFiles
from pipeline.training.warm_start import StartingModel
from pipeline.training.watching.finding import Kind
from preprocessing.graph import PreprocessingGraph
from tests.pipeline.training.records import facts, target_facts, write_split, write_targets
from tests.preprocessing.made_images import png_bytes

TRAIN, EVAL = 48, 12
DOCUMENT = {
    "preprocessing": {"height": 8, "width": 8, "channels": 1, "scaling": "symmetric"},
    "model": {"small_cnn": {"filters": [4], "dense_units": 8}, "dropout": 0.0},
    "training": {"epochs": 2, "batch_size": 16, "early_stopping": None, "learning_rate": 0.01},
}
POSITIVE = {"data": {"task": "binary", "positive": "light"}}
BINARY_FACTS = facts(TRAIN).model_copy(
    update={"task": Task.BINARY, "labels": ("dark", "light"), "counts": {"train": {"dark": 24, "light": 24}}}
)
TARGET_FACTS = target_facts(TRAIN)


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory):
    root = tmp_path_factory.mktemp("binary")
    return tuple(write_split(root / name, count, classes=2) for name, count in (("train", TRAIN), ("eval", EVAL)))


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    root = tmp_path_factory.mktemp("regression")
    return tuple(write_targets(root / name, count) for name, count in (("train", TRAIN), ("eval", EVAL)))


def train(splits, known, tmp_path, *, data, training=None, model=None, module=None, **changes):
    document = json.loads(json.dumps(DOCUMENT)) | data
    document["training"] |= training or {}
    document["model"] |= model or {}
    if module is not None:
        document["model"]["module"] = f"own_task_{abs(hash(module))}"
        (tmp_path / f"{document['model']['module']}.py").write_text("import keras\n" + module)
    config = DarkroomConfig.model_validate(document).located_at(tmp_path)
    options = TrainerOptions.from_configuration(config, "0").model_copy(update=changes)
    graph = PreprocessingGraph(config.preprocessing)
    return fit(options, graph, *splits, facts=known), graph


def regression(targets, tmp_path, **options):
    return train(targets, TARGET_FACTS, tmp_path, data={"data": {"task": "regression"}}, **options)


# Whose averages would move in an epoch that is trained on.
STILL = {"small_cnn": {"filters": [4], "batch_norm": False}}


@pytest.fixture(scope="module")
def learned(targets, tmp_path_factory):
    """A regression that several tests look at: what was fitted, and its preprocessing."""
    return regression(targets, tmp_path_factory.mktemp("learned"), training=LEARN, model=STILL)


LEARN = {"epochs": 30, "optimizer": {"name": "nadam"}, "schedule": {"name": "constant"}}


def test_a_binary_network_has_one_unit_and_answers_with_both_classes(two_classes, tmp_path):
    result, graph = train(two_classes, BINARY_FACTS, tmp_path, data=POSITIVE, training=LEARN | {"metrics": ["roc_auc"]})
    assert result.network.model.output_shape == (None, 1)
    assert result.at_best("val_accuracy") == result.at_best("val_roc_auc") == 1.0
    exported = predictor(result.network.model, result.task)
    servable = ServableClassifier(graph, exported, BINARY_FACTS.labels, {})
    images = [png_bytes(np.full((8, 8), level, np.uint8)) for level in (20, 180)]
    answer = {name: tensor.numpy() for name, tensor in servable.serving_default(tf.constant(images)).items()}
    assert answer["probabilities"].shape == (2, 2)
    assert np.allclose(answer["probabilities"].sum(axis=1), 1)
    assert answer["class_ids"][:, 0].tolist() == [0, 1]
    assert answer["labels"][:, 0].tolist() == [b"dark", b"light"]


@pytest.mark.parametrize(
    "options", [{"augmentation": {"mixup": 0.4}}, {"label_smoothing": 0.1}], ids=["mixup", "smooth"]
)
def test_two_classes_may_be_mixed_and_smoothed(two_classes, tmp_path, options):
    result, _ = train(
        two_classes, BINARY_FACTS, tmp_path, data=POSITIVE, training=LEARN | {"class_weights": {"light": 2.0}} | options
    )
    assert result.at_best("val_accuracy") == 1.0


def test_a_regression_learns_targets_of_any_unit(targets, tmp_path):
    sgd = {"optimizer": {"name": "sgd", "momentum": 0.9}, "learning_rate": 0.03}
    result, _ = regression(targets, tmp_path, training=LEARN | sgd)
    assert result.at_best("val_r2") > 0.95
    # In the targets' unit, which go from 10,000 to 25,000; the loss has none.
    assert 10 < result.at_best("val_mae") < 1500
    assert result.at_best("val_loss") < 0.1


def test_a_regression_may_be_mixed_and_fed_from_segments(targets, tmp_path):
    feeding = {"mode": "hybrid", "memory_megabytes": 0.0138, "scratch_folder": str(tmp_path / "scratch")}
    result, _ = regression(
        targets, tmp_path, training=LEARN | {"batch_size": 8, "augmentation": {"mixup": 0.2}, "feeding": feeding}
    )
    assert result.feeding.train == "hybrid"
    assert result.at_best("val_r2") > 0.8


def test_a_regression_that_learns_nothing_is_told(targets, tmp_path):
    result, _ = regression(targets, tmp_path, training={"learning_rate": 1e-9, "epochs": 3})
    assert Kind.BELOW_TRIVIAL in [finding.kind for finding in result.findings]
    assert result.transfer["metric"] == "val_r2"


def test_a_regression_goes_on_from_a_model_of_other_targets_where_it_was(targets, learned, tmp_path):
    first, graph = learned
    assets = tmp_path / "model" / "assets.extra"
    assets.mkdir(parents=True)
    save_network(first.network.model, str(assets / "network.keras"))
    (assets / "darkroom.json").write_text(json.dumps({"labels": [], "created": "today"}))
    shifted = TARGET_FACTS.targets["train"].model_copy(update={"mean": 3.0, "deviation": 900.0})
    starting = StartingModel(name="first", folder=str(tmp_path / "model"), created="today")
    result, _ = train(
        targets,
        TARGET_FACTS.model_copy(update={"targets": {"train": shifted}}),
        tmp_path,
        data={"data": {"task": "regression"}},
        training={"recipe": {"name": "warm_start"}, "learning_rate": 1e-12, "epochs": 1},
        model=STILL,
        starting=starting,
    )
    levels, _ = decode_all(targets[1].records(), EVAL, graph, targets[1].label)
    one, other = (fitted.network.model(levels / 255).numpy() for fitted in (first, result))
    assert np.allclose(one, other, rtol=1e-4)


def test_a_regression_answers_with_a_value(learned, tmp_path):
    result, graph = learned
    servable = ServableRegressor(graph, predictor(result.network.model, result.task), {"task": "regression"})
    servable.save(str(tmp_path / "exported"))
    images = [png_bytes(np.full((8, 8), level, np.uint8)) for level in (60, 120, 180)]
    loaded = tf.saved_model.load(str(tmp_path / "exported"))
    values = loaded.signatures["serving_default"](tf.constant(images))["value"].numpy()
    assert values == pytest.approx(result.network.model(graph(tf.constant(images))).numpy()[:, 0], rel=1e-6)
    assert 5_000 < values[0] < values[1] < values[2] < 30_000
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={features.ENCODED: tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))}
            )
        ).SerializeToString()
        for image in images
    ]
    for signature, output in (("regress", "outputs"), ("evaluate", "value")):
        assert loaded.signatures[signature](tf.constant(examples))[output].numpy() == pytest.approx(values, rel=1e-6)
    saved = saved_model_pb2.SavedModel.FromString((tmp_path / "exported" / "saved_model.pb").read_bytes())
    assert saved.meta_graphs[0].signature_def["regress"].method_name == "tensorflow/serving/regress"


OWN = """
def build_model(input_shapes, n_classes):
    assert n_classes == 1
    return keras.Sequential(
        [keras.Input(input_shapes["main"]), keras.layers.Flatten(), keras.layers.Dense({units}, {activation!r})]
    )


def score(y_true, y_pred):
    return -keras.ops.abs(y_true - y_pred)
"""


def test_own_networks_learn_a_regression_by_an_own_score(targets, tmp_path):
    module = OWN.format(units=1, activation=None)
    result, _ = regression(targets, tmp_path, training={"metrics": ["score"]}, module=module)
    assert result.at_best("val_score") == pytest.approx(-result.at_best("val_mae"), rel=1e-5)


def test_an_own_network_of_a_regression_must_end_in_one_linear_unit(targets, tmp_path):
    with pytest.raises(ConfigurationError, match="1 unit with linear"):
        regression(targets, tmp_path, module=OWN.format(units=3, activation="softmax"))


@pytest.mark.parametrize("strategy", ["mirrored"])
def test_several_replicas_learn_a_regression(targets, tmp_path, strategy):
    result, _ = regression(targets, tmp_path, training={"distribution": {"strategy": strategy}})
    assert np.isfinite(result.at_best("val_r2"))


def test_targets_reach_the_network_as_they_are(targets):
    split = targets[0]
    assert isinstance(split, SplitFiles)
    _, values = decode_all(split.records(), TRAIN, PreprocessingGraph(_spec()), split.label)
    assert values.dtype == tf.float32
    assert float(values.numpy().mean()) == pytest.approx(TARGET_FACTS.targets["train"].mean)


def _spec():
    return DarkroomConfig.model_validate({"preprocessing": DOCUMENT["preprocessing"]}).preprocessing


def test_the_default_watched_metric_of_a_regression_is_its_loss():
    document = {"data": {"task": "regression"}, "training": {"recipe": {"name": "fine_tune"}}}
    config = DarkroomConfig.model_validate(document)
    again = DarkroomConfig.model_validate(config.model_dump(mode="json"))
    for found in (config, again):
        assert found.training.recipe.metric == found.training.objective.metric == found.tuning.objective == "val_loss"
    assert DarkroomConfig().training.objective.metric == "val_accuracy"


@pytest.mark.parametrize(
    ("task", "training", "message"),
    [
        ("regression", {"class_weights": "balanced"}, "a regression has no classes"),
        ("regression", {"label_smoothing": 0.1}, "a regression has no classes"),
        ("regression", {"metrics": ["f1"]}, "training.metrics: f1 is a metric of classes"),
        ("multiclass", {"early_stopping": {"metric": "val_rmse"}}, "val_rmse is a metric of numbers"),
    ],
)
def test_options_that_mean_nothing_for_the_task_are_refused(task, training, message):
    with pytest.raises(ValueError, match=message):
        DarkroomConfig.model_validate({"data": {"task": task}, "training": training})


def test_keras_can_load_the_network_of_a_regression(learned, tmp_path):
    result, _ = learned
    save_network(result.network.model, str(tmp_path / "network.keras"))
    again = keras.models.load_model(tmp_path / "network.keras", compile=False)
    pixels = np.zeros((2, 8, 8, 1), np.float32)
    assert np.array_equal(again(pixels), result.network.model(pixels))
