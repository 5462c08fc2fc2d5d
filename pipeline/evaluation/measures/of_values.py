"""The measures of regressions, by name; scikit-learn's definitions, which tests compare them with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.measures.answers import ValueAnswers
from pipeline.evaluation.measures.measure import Measure, Weights, mean_of

# scikit-learn's: a target of zero makes the relative error huge rather than infinite.
_SMALLEST_TARGET = float(np.finfo(np.float64).eps)


def _errors(answers: ValueAnswers) -> NDArray[np.float64]:
    return answers.values - answers.targets


def _squared_log_errors(answers: ValueAnswers) -> NDArray[np.float64]:
    """Negative values count as zero, where scikit-learn gives up."""
    first, second = (np.log1p(np.maximum(numbers, 0.0)) for numbers in (answers.targets, answers.values))
    return (first - second) ** 2


def _root(measure: Measure) -> Measure:
    def of(answers: ValueAnswers, weights: Weights) -> float | None:
        found = measure.of(answers, weights)
        return None if found is None else float(np.sqrt(found))

    return Measure(of, greater_is_better=False)


def _explained(answers: ValueAnswers, weights: Weights, *, errors_are_centred: bool) -> float | None:
    """1 - spread of the errors / spread of the targets; not defined where all targets are the same."""
    errors = _errors(answers)
    if errors_are_centred:
        errors = errors - np.average(errors, weights=weights)
    spread = answers.targets - np.average(answers.targets, weights=weights)
    total = float(np.average(spread**2, weights=weights))
    if total == 0:
        return None
    return 1 - float(np.average(errors**2, weights=weights)) / total


_MSE = mean_of(lambda answers: _errors(answers) ** 2, greater_is_better=False)
_MSLE = mean_of(_squared_log_errors, greater_is_better=False)

OF_VALUES: dict[str, Measure] = {
    "explained_variance": Measure(lambda answers, weights: _explained(answers, weights, errors_are_centred=True)),
    "mae": mean_of(lambda answers: np.abs(_errors(answers)), greater_is_better=False),
    "mse": _MSE,
    "rmse": _root(_MSE),
    "rmsle": _root(_MSLE),
    "mape": mean_of(
        lambda answers: np.abs(_errors(answers)) / np.maximum(np.abs(answers.targets), _SMALLEST_TARGET),
        greater_is_better=False,
    ),
    "r2": Measure(lambda answers, weights: _explained(answers, weights, errors_are_centred=False)),
}
