"""The measures of regressions are scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics

from pipeline.evaluation.measures.answers import ValueAnswers
from pipeline.evaluation.measures.of_values import OF_VALUES

SKLEARN = {
    "explained_variance": metrics.explained_variance_score,
    "mae": metrics.mean_absolute_error,
    "mse": metrics.mean_squared_error,
    "rmse": metrics.root_mean_squared_error,
    "rmsle": metrics.root_mean_squared_log_error,
    "mape": metrics.mean_absolute_percentage_error,
    "r2": metrics.r2_score,
}


@pytest.mark.parametrize("weighted", [False, True], ids=["all", "weighted"])
@pytest.mark.parametrize("name", OF_VALUES)
def test_it_is_scikit_learns(name, weighted):
    random = np.random.default_rng(0)
    targets = random.uniform(0, 1000, 200)
    found = ValueAnswers(targets, np.abs(targets + random.normal(5, 50, 200)))
    weights = random.integers(0, 3, 200).astype(float) if weighted else None
    wanted = SKLEARN[name](found.targets, found.values, sample_weight=weights)
    assert OF_VALUES[name].of(found, weights) == pytest.approx(wanted)
    assert OF_VALUES[name].greater_is_better == (name in ("explained_variance", "r2"))


def test_targets_that_are_all_the_same_explain_nothing():
    found = ValueAnswers(np.full(3, 2.0), np.array([1.0, 2.0, 3.0]))
    assert OF_VALUES["r2"].of(found, None) is None
