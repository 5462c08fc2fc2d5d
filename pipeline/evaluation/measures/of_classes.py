"""The measures of classifiers, by name.

What is counted in a confusion matrix follows scikit-learn's definitions, curves are scikit-learn's own: tests compare
both with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from pipeline.evaluation.measures.answers import ClassAnswers
from pipeline.evaluation.measures.measure import Measure, Weights, mean_of, share_of

# Guo et al. 2017, "On Calibration of Modern Neural Networks".
CALIBRATION_BINS = 15

Matrix = NDArray[np.float64]
OfClasses = Callable[[Matrix], Matrix]


def top_k_accuracy(k: int) -> Measure:
    """The share of images whose right class is among the k likeliest."""
    return share_of(lambda answers: (answers.ranks < k).astype(np.float64))


def cost_gain(matrix: tuple[tuple[float, ...], ...]) -> Measure:
    """The mean of what `matrix[label][prediction]` says an image is worth."""
    worth = np.asarray(matrix, np.float64)
    return mean_of(lambda answers: worth[answers.labels, answers.predicted])


def lift(share: float) -> Measure:
    """Positives among the images of the highest scores, divided by their share among all; 1 is chance.

    Args:
        share: of the images that counts, at least one image.
    """

    def of(answers: ClassAnswers, weights: Weights) -> float | None:
        counts = np.ones(len(answers.labels)) if weights is None else weights
        # Images of the same score come in no order: each counts as positive as all of them together.
        _, group = np.unique(-answers.probabilities[:, 1], return_inverse=True)
        positives, images = np.bincount(group, counts * (answers.labels == 1)), np.bincount(group, counts)
        of_group = _divided(positives.astype(np.float64), images.astype(np.float64))
        order = np.argsort(group, kind="stable")
        positive, counts = of_group[group][order], counts[order]
        base = float(np.average(positive, weights=counts))
        if base == 0:
            return None
        # Of the image at the border only as much as still belongs to the share.
        taken = np.clip(math.ceil(share * counts.sum()) - (np.cumsum(counts) - counts), 0, counts)
        return float(np.average(positive, weights=taken)) / base

    return Measure(of)


def precision(matrix: Matrix) -> Matrix:
    """Of what was predicted as a class the share that is right, for each class; 0 where nothing was."""
    return _divided(np.diag(matrix), matrix.sum(axis=0))


def recall(matrix: Matrix) -> Matrix:
    """Of a class the share that was found, for each class; 0 where there is none."""
    return _divided(np.diag(matrix), matrix.sum(axis=1))


def f1(matrix: Matrix) -> Matrix:
    """Their harmonic mean."""
    return _divided(2 * np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1))


def calibration_error(answers: ClassAnswers, weights: Weights) -> float:
    """Expected calibration error: how far accuracy and confidence lie apart, on average over bins of confidence."""
    counts = np.ones(len(answers.labels)) if weights is None else weights
    confidence = answers.probabilities.max(axis=1).astype(np.float64)
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    apart = np.bincount(bins, weights=counts * (answers.hits - confidence), minlength=CALIBRATION_BINS)
    return float(np.abs(apart).sum() / counts.sum())


def roc_auc(answers: ClassAnswers, weights: Weights) -> float | None:
    """The area under the ROC curve; of more than two classes the mean of each against the rest."""
    if answers.classes == 2:
        return _area_of_class(answers, 1, weights)
    areas = [_area_of_class(answers, label, weights) for label in range(answers.classes)]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else None


def pr_auc(answers: ClassAnswers, weights: Weights) -> float | None:
    """Average precision: the area under the precision-recall curve of the positive class, without interpolation."""
    if not _has_both(answers.labels == 1, weights):
        return None
    return float(
        metrics.average_precision_score(answers.labels == 1, answers.probabilities[:, 1], sample_weight=weights)
    )


def _area_of_class(answers: ClassAnswers, label: int, weights: Weights) -> float | None:
    positive = answers.labels == label
    if not _has_both(positive, weights):
        return None
    return float(metrics.roc_auc_score(positive, answers.probabilities[:, label], sample_weight=weights))


def _has_both(positive: NDArray[np.bool_], weights: Weights) -> bool:
    counts = np.bincount(positive.astype(int), weights=weights, minlength=2)
    return bool((counts > 0).all())


def _divided(numbers: Matrix, by: Matrix) -> Matrix:
    return np.divide(numbers, by, out=np.zeros_like(numbers), where=by > 0)


def _mean_over_classes(of_each: OfClasses) -> Measure:
    """Over the classes that are there or were predicted, as scikit-learn's `macro`."""

    def of(answers: ClassAnswers, weights: Weights) -> float:
        matrix = answers.confusion(weights)
        there = (matrix.sum(axis=0) + matrix.sum(axis=1)) > 0
        return float(of_each(matrix)[there].mean())

    return Measure(of)


def _weighted_over_classes(of_each: OfClasses) -> Measure:
    """Each class by its images, as scikit-learn's `weighted`."""

    def of(answers: ClassAnswers, weights: Weights) -> float:
        matrix = answers.confusion(weights)
        return float(np.average(of_each(matrix), weights=matrix.sum(axis=1)))

    return Measure(of)


def _balanced_accuracy(answers: ClassAnswers, weights: Weights) -> float:
    """The mean of the recall of the classes that are there."""
    matrix = answers.confusion(weights)
    return float(recall(matrix)[matrix.sum(axis=1) > 0].mean())


def _of_positive(of_each: OfClasses) -> Measure:
    """Of the positive class; not defined where no image is of it."""

    def of(answers: ClassAnswers, weights: Weights) -> float | None:
        matrix = answers.confusion(weights)
        return float(of_each(matrix)[1]) if matrix[1].sum() > 0 else None

    return Measure(of)


OF_CLASSES: dict[str, Measure] = {
    "accuracy": share_of(lambda answers: answers.hits),
    "balanced_accuracy": Measure(_balanced_accuracy),
    "precision_macro": _mean_over_classes(precision),
    "recall_macro": _mean_over_classes(recall),
    "f1_macro": _mean_over_classes(f1),
    "precision_weighted": _weighted_over_classes(precision),
    "recall_weighted": _weighted_over_classes(recall),
    "f1_weighted": _weighted_over_classes(f1),
    "log_loss": mean_of(lambda answers: answers.log_losses, greater_is_better=False),
    "roc_auc": Measure(roc_auc, is_cheap=False),
    "calibration_error": Measure(calibration_error, greater_is_better=False),
}

OF_TWO_CLASSES: dict[str, Measure] = {
    "precision": _of_positive(precision),
    "recall": _of_positive(recall),
    "f1": _of_positive(f1),
    "pr_auc": Measure(pr_auc, is_cheap=False),
    "brier": mean_of(
        lambda answers: (answers.probabilities[:, 1].astype(np.float64) - answers.labels) ** 2, greater_is_better=False
    ),
}
