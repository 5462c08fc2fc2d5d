"""Metrics against scikit-learn's, over several batches, in every form that labels and predictions come in."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sk

from darkroom.configuration.metrics_section import METRIC_NAMES, MetricOptionsSection
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.training.metrics.outcomes import Outcomes
from pipeline.training.metrics.registry import Measured, greater_is_better, make_metrics, metric_kind

IMAGES, CLASSES = 200, 4
RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, CLASSES, IMAGES)
LOGITS = RANDOM.normal(size=(IMAGES, CLASSES)).astype(np.float32) * 2
LOGITS[np.arange(IMAGES), LABELS] += 1.5
PROBABILITIES = keras.ops.convert_to_numpy(keras.ops.softmax(LOGITS))
PREDICTED = PROBABILITIES.argmax(axis=1)

BINARY = (LABELS > 1).astype(np.int64)
SCORES = (1 / (1 + np.exp(-(RANDOM.normal(size=IMAGES) + BINARY)))).astype(np.float32)
SAID = (SCORES > 0.5).astype(np.int64)

TARGETS = RANDOM.uniform(100, 110, IMAGES).astype(np.float32)
ESTIMATES = (TARGETS + RANDOM.normal(1, 2, IMAGES)).astype(np.float32)

COSTS = ((0.0, -0.3), (-1.0, 2.0))


def measure(name, labels, predictions, task, n_classes=2, *, from_logits=False, **options):
    measured = Measured(task, Outcomes(n_classes, from_logits), MetricOptionsSection(**options))
    [metric] = make_metrics([name], measured)
    for start in range(0, IMAGES, 64):
        metric.update_state(labels[start : start + 64], predictions[start : start + 64])
    return float(metric.result())


def top(k):
    return sk.top_k_accuracy_score(LABELS, PROBABILITIES, k=k, labels=range(CLASSES))


MULTICLASS = {
    "accuracy": sk.accuracy_score(LABELS, PREDICTED),
    "balanced_accuracy": sk.balanced_accuracy_score(LABELS, PREDICTED),
    "precision": sk.precision_score(LABELS, PREDICTED, average="macro"),
    "recall": sk.recall_score(LABELS, PREDICTED, average="macro"),
    "f1": sk.f1_score(LABELS, PREDICTED, average="macro"),
    "log_loss": sk.log_loss(LABELS, PROBABILITIES),
    "roc_auc": sk.roc_auc_score(LABELS, PROBABILITIES, multi_class="ovr"),
    "top_2_accuracy": top(2),
    "top_3_accuracy": top(3),
}


@pytest.mark.parametrize("one_hot", [False, True], ids=["ids", "one-hot"])
@pytest.mark.parametrize("from_logits", [False, True], ids=["probabilities", "logits"])
@pytest.mark.parametrize("name", MULTICLASS)
def test_multiclass(name, from_logits, one_hot):
    labels = np.eye(CLASSES, dtype=np.float32)[LABELS] if one_hot else LABELS
    predictions = LOGITS if from_logits else PROBABILITIES
    found = measure(name, labels, predictions, Task.MULTICLASS, CLASSES, from_logits=from_logits)
    assert found == pytest.approx(MULTICLASS[name], abs=1e-3 if name == "roc_auc" else 1e-5)


def exact_lift(share):
    highest = np.argsort(-SCORES, kind="stable")[: int(share * IMAGES)]
    return BINARY[highest].mean() / BINARY.mean()


OF_TWO = {
    "accuracy": sk.accuracy_score(BINARY, SAID),
    "balanced_accuracy": sk.balanced_accuracy_score(BINARY, SAID),
    "precision": sk.precision_score(BINARY, SAID),
    "recall": sk.recall_score(BINARY, SAID),
    "f1": sk.f1_score(BINARY, SAID),
    "log_loss": sk.log_loss(BINARY, SCORES),
    "roc_auc": sk.roc_auc_score(BINARY, SCORES),
    "cost_gain": np.mean([COSTS[label][said] for label, said in zip(BINARY, SAID, strict=True)]),
    "lift": exact_lift(0.2),
}


@pytest.mark.parametrize("units", [1, 2])
@pytest.mark.parametrize("name", OF_TWO)
def test_binary(name, units):
    predictions = SCORES[:, np.newaxis] if units == 1 else np.stack([1 - SCORES, SCORES], axis=1)
    labels = BINARY[:, np.newaxis] if units == 1 else BINARY
    found = measure(name, labels, predictions, Task.BINARY, cost_matrix=COSTS, lift_share=0.2)
    assert found == pytest.approx(OF_TWO[name], abs=0.03 if name == "lift" else 1e-3)


ESTIMATED = {
    "explained_variance": sk.explained_variance_score(TARGETS, ESTIMATES),
    "mae": sk.mean_absolute_error(TARGETS, ESTIMATES),
    "mse": sk.mean_squared_error(TARGETS, ESTIMATES),
    "rmse": sk.root_mean_squared_error(TARGETS, ESTIMATES),
    "rmsle": sk.root_mean_squared_log_error(TARGETS, ESTIMATES),
    "mape": sk.mean_absolute_percentage_error(TARGETS, ESTIMATES),
    "r2": sk.r2_score(TARGETS, ESTIMATES),
}


@pytest.mark.parametrize("name", ESTIMATED)
def test_regression(name):
    found = measure(name, TARGETS, ESTIMATES[:, np.newaxis], Task.REGRESSION)
    assert found == pytest.approx(ESTIMATED[name], rel=1e-4)


def test_r2_of_targets_that_do_not_vary_is_scikit_learns():
    constant = np.full(IMAGES, 3.0, np.float32)
    assert measure("r2", constant, constant, Task.REGRESSION) == sk.r2_score(constant, constant)
    assert measure("r2", constant, constant + 1, Task.REGRESSION) == sk.r2_score(constant, constant + 1)


def test_classes_that_nobody_has_or_predicts_do_not_count():
    labels, predicted = LABELS % 2, PROBABILITIES.copy()
    predicted[:, 2:] = 0
    for name, score in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        expected = score(labels, predicted.argmax(axis=1), average="macro")
        assert measure(name, labels, predicted, Task.MULTICLASS, CLASSES) == pytest.approx(expected, abs=1e-5)


def test_the_area_of_a_sure_network_is_not_blurred():
    """Probabilities that all round to 0 or 1 at a few digits, and still have an order."""
    labels = np.arange(IMAGES) % 2
    scores = keras.ops.convert_to_numpy(
        keras.ops.sigmoid(np.linspace(-30, -20, IMAGES, dtype=np.float32) + 0.5 * labels)
    )
    found = measure("roc_auc", labels, scores[:, np.newaxis], Task.BINARY)
    assert found == pytest.approx(sk.roc_auc_score(labels, scores), abs=2e-3)


def test_every_name_of_the_configuration_is_there_and_has_a_direction():
    for name in METRIC_NAMES:
        assert metric_kind(name).tasks
        assert greater_is_better(f"val_{name}", MetricOptionsSection()) == (
            name not in {"log_loss", "mae", "mse", "rmse", "rmsle", "mape"}
        )
    assert not greater_is_better("val_loss", MetricOptionsSection())
    assert not greater_is_better("score", MetricOptionsSection(score_greater_is_better=False))


@pytest.mark.parametrize(
    ("name", "task", "message"),
    [
        ("r2", Task.MULTICLASS, r"r2 is not for the task multiclass; for it there are accuracy, .*score"),
        ("lift", Task.MULTICLASS, "lift is for two classes, and there are 4"),
        ("score", Task.MULTICLASS, r"define score\(y_true, y_pred\)"),
    ],
)
def test_metrics_that_cannot_be_measured_say_why(name, task, message):
    with pytest.raises(ConfigurationError, match=message):
        make_metrics([name], Measured(task, Outcomes(CLASSES), MetricOptionsSection()))


def test_gain_needs_a_matrix():
    with pytest.raises(ConfigurationError, match=r"needs training.metric_options.cost_matrix"):
        make_metrics(["cost_gain"], Measured(Task.BINARY, Outcomes(2), MetricOptionsSection()))


def test_state_is_reset():
    [metric] = make_metrics(["f1"], Measured(Task.MULTICLASS, Outcomes(CLASSES), MetricOptionsSection()))
    metric.update_state(LABELS, PROBABILITIES)
    metric.reset_state()
    assert not tf.reduce_any([tf.reduce_any(variable.value != 0) for variable in metric.variables])


def test_predictions_that_are_no_numbers_do_not_end_it():
    broken = np.full_like(PROBABILITIES, np.nan)
    for name in MULTICLASS:
        assert np.isfinite(measure(name, LABELS, broken, Task.MULTICLASS, CLASSES))
