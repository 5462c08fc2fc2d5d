"""Metrics that follow from how often which class was taken for which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from pipeline.training.metrics.outcomes import Outcomes, weights_of


class ConfusionScore(keras.metrics.Metric):
    """A number that follows from the confusion matrix, which is what is counted: counts of several replicas add up."""

    def __init__(self, outcomes: Outcomes, score: Callable[[Any], Any], name: str) -> None:
        """Takes what to make of the matrix `[K, K]`, whose rows are labels and whose columns are predictions."""
        super().__init__(name=name)
        self._outcomes = outcomes
        self._score = score
        self.matrix = self.add_variable((outcomes.n_classes, outcomes.n_classes), "zeros", name="matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts a batch."""
        classes = self._outcomes.n_classes
        ids = self._outcomes.ids(y_true)
        cells = ids * classes + self._outcomes.predicted(y_pred)
        counts = ops.segment_sum(weights_of(ids, sample_weight), cells, num_segments=classes * classes)
        self.matrix.assign_add(ops.reshape(counts, (classes, classes)))

    def result(self) -> Any:
        """Over all batches since the last reset."""
        return self._score(ops.convert_to_tensor(self.matrix))


def precision(matrix: Any) -> Any:
    """Of each class: the share of right ones among the images that were taken for it; 0 where there are none."""
    return _share(_right(matrix), ops.sum(matrix, axis=0))


def recall(matrix: Any) -> Any:
    """Of each class: the share of its images that were found; 0 where it has none."""
    return _share(_right(matrix), ops.sum(matrix, axis=1))


def f1(matrix: Any) -> Any:
    """Of each class: the harmonic mean of precision and recall."""
    return _share(2 * _right(matrix), ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1))


def balanced_accuracy(matrix: Any) -> Any:
    """The mean recall of the classes that there are images of."""
    return _mean(recall(matrix), ops.sum(matrix, axis=1) > 0)


def macro(of_each: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The mean over the classes that were seen or predicted, which is what scikit-learn takes it over."""
    return lambda matrix: _mean(of_each(matrix), ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) > 0)


def of_second(of_each: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """That of the second class, the positive one."""
    return lambda matrix: of_each(matrix)[1]


def _right(matrix: Any) -> Any:
    return ops.diagonal(matrix)


def _share(part: Any, whole: Any) -> Any:
    return part / ops.where(whole > 0, whole, ops.ones_like(whole))


def _mean(values: Any, counted: Any) -> Any:
    counted = ops.cast(counted, values.dtype)
    return ops.sum(values * counted) / ops.maximum(ops.sum(counted), 1)
