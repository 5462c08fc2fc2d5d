"""The measures of classifiers are scikit-learn's."""

import warnings

import numpy as np
import pytest
from sklearn import metrics

from darkroom.configuration.metrics_section import MetricOptionsSection
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.evaluation.measures.answers import ClassAnswers
from pipeline.evaluation.measures.of_task import measures_of

OPTIONS = MetricOptionsSection(cost_matrix=((0, -0.3), (0, 1)), lift_share=0.2)


def answers(classes, images=300, there=None, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, there or classes, images)
    probabilities = random.dirichlet(np.ones(classes), images)
    probabilities[np.arange(images), labels] += random.uniform(0, 1, images)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return ClassAnswers(labels, probabilities.astype(np.float32)), random.integers(0, 3, images).astype(float)


def averaged(kind, average):
    place = {"precision": 0, "recall": 1, "f1": 2}[kind]
    return lambda found, weights: metrics.precision_recall_fscore_support(
        found.labels, found.predicted, average=average, sample_weight=weights, zero_division=0
    )[place]


SKLEARN = {
    "accuracy": lambda found, weights: metrics.accuracy_score(found.labels, found.predicted, sample_weight=weights),
    "balanced_accuracy": lambda found, weights: metrics.balanced_accuracy_score(
        found.labels, found.predicted, sample_weight=weights
    ),
    **{
        f"{kind}_{average}": averaged(kind, average)
        for kind in ("precision", "recall", "f1")
        for average in ("macro", "weighted")
    },
    "log_loss": lambda found, weights: metrics.log_loss(
        found.labels, found.probabilities, labels=range(found.classes), sample_weight=weights
    ),
    "top_3_accuracy": lambda found, weights: metrics.top_k_accuracy_score(
        found.labels, found.probabilities, k=3, labels=range(found.classes), sample_weight=weights
    ),
}


@pytest.mark.parametrize("weighted", [False, True], ids=["all", "weighted"])
@pytest.mark.parametrize("there", [6, 4], ids=["every-class", "two-missing"])
@pytest.mark.parametrize("name", SKLEARN)
def test_multiclass(name, there, weighted):
    found, weights = answers(6, there=there)
    weights = weights if weighted else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn tells of the classes that are missing
        wanted = SKLEARN[name](found, weights)
    measure = measures_of(Task.MULTICLASS, 6, OPTIONS)[name]
    assert measure.of(found, weights) == pytest.approx(wanted, rel=1e-5)


def test_the_area_of_many_classes_is_the_mean_of_each_against_the_rest():
    found, _ = answers(6)
    wanted = metrics.roc_auc_score(found.labels, found.probabilities, multi_class="ovr")
    assert measures_of(Task.MULTICLASS, 6, OPTIONS)["roc_auc"].of(found, None) == pytest.approx(wanted)
    # scikit-learn refuses where a class is missing.
    missing, _ = answers(6, there=4)
    assert 0.5 < measures_of(Task.MULTICLASS, 6, OPTIONS)["roc_auc"].of(missing, None) < 1


@pytest.mark.parametrize("weighted", [False, True], ids=["all", "weighted"])
def test_binary(weighted):
    found, weights = answers(2)
    weights = weights if weighted else None
    score = found.probabilities[:, 1]
    wanted = {
        "precision": metrics.precision_score(found.labels, found.predicted, sample_weight=weights),
        "recall": metrics.recall_score(found.labels, found.predicted, sample_weight=weights),
        "f1": metrics.f1_score(found.labels, found.predicted, sample_weight=weights),
        "roc_auc": metrics.roc_auc_score(found.labels, score, sample_weight=weights),
        "pr_auc": metrics.average_precision_score(found.labels, score, sample_weight=weights),
        "brier": metrics.brier_score_loss(found.labels, score, sample_weight=weights),
    }
    measures = measures_of(Task.BINARY, 2, OPTIONS)
    assert {name: measures[name].of(found, weights) for name in wanted} == pytest.approx(wanted, rel=1e-5)


def test_cost_gain_is_what_the_matrix_says():
    found = ClassAnswers(np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]], np.float32))
    assert measures_of(Task.BINARY, 2, OPTIONS)["cost_gain"].of(found, None) == pytest.approx((-0.3 + 1) / 4)


def test_lift_is_how_much_denser_positives_lie_at_the_top():
    scores = np.linspace(1, 0, 10, dtype=np.float32)
    found = ClassAnswers(np.array([1, 1, 0, 0, 1, 0, 0, 0, 0, 0]), np.stack([1 - scores, scores], axis=1))
    measure = measures_of(Task.BINARY, 2, OPTIONS)["lift"]
    assert measure.of(found, None) == pytest.approx(1.0 / 0.3)
    # Weights are as if images were there several times.
    weights = np.array([0, 2, 1, 1, 1, 1, 1, 1, 1, 1], float)
    assert measure.of(found, weights) == pytest.approx(1.0 / 0.3)


def test_scores_that_are_all_the_same_have_no_lift():
    found = ClassAnswers(np.array([1, 1, 0, 0, 0]), np.full((5, 2), 0.5, np.float32))
    assert measures_of(Task.BINARY, 2, OPTIONS)["lift"].of(found, None) == pytest.approx(1.0)


def test_calibration_error_is_how_far_confidence_lies_from_accuracy():
    sure = np.tile(np.array([[0.1, 0.9]], np.float32), (10, 1))
    labels = np.array([1] * 7 + [0] * 3)
    measure = measures_of(Task.MULTICLASS, 2, OPTIONS)["calibration_error"]
    assert measure.of(ClassAnswers(labels, sure), None) == pytest.approx(0.2, abs=1e-6)
    assert not measure.greater_is_better


def test_what_is_not_defined_is_none():
    one_class = ClassAnswers(np.zeros(3, int), np.tile(np.array([[0.6, 0.4]], np.float32), (3, 1)))
    measures = measures_of(Task.BINARY, 2, OPTIONS)
    assert [measures[name].of(one_class, None) for name in ("roc_auc", "pr_auc", "lift", "recall")] == [None] * 4


def test_measures_of_another_task_are_refused():
    with pytest.raises(ConfigurationError, match="rmse is no measure of the task multiclass"):
        measures_of(Task.MULTICLASS, 3, OPTIONS, ["rmse"])
    with pytest.raises(ConfigurationError, match=r"cost_gain needs training\.metric_options\.cost_matrix"):
        measures_of(Task.BINARY, 2, MetricOptionsSection(), ["cost_gain"])
    assert "top_7_accuracy" in measures_of(Task.MULTICLASS, 9, OPTIONS, ["top_7_accuracy"])


def test_of_equally_likely_classes_the_lower_id_comes_first_whatever_k():
    found = ClassAnswers(np.array([0, 1, 2, 3]), np.full((4, 4), 0.25, np.float32))
    measures = measures_of(Task.MULTICLASS, 4, OPTIONS, ["top_2_accuracy", "top_3_accuracy"])
    values = {name: measures[name].of(found, None) for name in ("accuracy", "top_2_accuracy", "top_3_accuracy")}
    assert values == {"accuracy": 0.25, "top_2_accuracy": 0.5, "top_3_accuracy": 0.75}
