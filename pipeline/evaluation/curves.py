"""What is drawn of a classifier or a regression: curves as points, tables as rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from pipeline.evaluation.measures.answers import Answers, ClassAnswers, ValueAnswers
from pipeline.evaluation.measures.of_classes import CALIBRATION_BINS

# More points than a screen shows.
_POINTS = 200

# More curves than a picture shows.
_CURVES = 20

_THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))


def curves_of(answers: Answers) -> dict[str, Any]:
    """By name, ready for JSON."""
    if isinstance(answers, ValueAnswers):
        return {"scatter": _scatter(answers)}
    shown = [1] if answers.classes == 2 else range(min(answers.classes, _CURVES))
    found: dict[str, Any] = {
        "confusion": answers.confusion().astype(int).tolist(),
        "calibration": _calibration(answers),
        "roc": {str(label): points for label in shown if (points := _roc(answers, label)) is not None},
        "precision_recall": {str(label): points for label in shown if (points := _pr(answers, label)) is not None},
    }
    if answers.classes == 2:
        found["thresholds"] = _thresholds(answers)
        found["lift"] = _lift(answers)
    return found


def _roc(answers: ClassAnswers, label: int) -> list[list[float]] | None:
    positive = answers.labels == label
    if positive.all() or not positive.any():
        return None
    false_positives, true_positives, _ = metrics.roc_curve(positive, answers.probabilities[:, label])
    return _thinned(false_positives, true_positives)


def _pr(answers: ClassAnswers, label: int) -> list[list[float]] | None:
    positive = answers.labels == label
    if not positive.any():
        return None
    precision, recall, _ = metrics.precision_recall_curve(positive, answers.probabilities[:, label])
    return _thinned(recall[::-1], precision[::-1])


def _calibration(answers: ClassAnswers) -> list[dict[str, float]]:
    """For each bin of confidence that has images: how many, how confident, how often right."""
    confidence = answers.probabilities.max(axis=1).astype(np.float64)
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    rows = []
    for number in np.unique(bins):
        inside = bins == number
        rows.append(
            {
                "images": int(inside.sum()),
                "confidence": float(confidence[inside].mean()),
                "accuracy": float(answers.hits[inside].mean()),
            }
        )
    return rows


def _thresholds(answers: ClassAnswers) -> list[dict[str, float]]:
    """What would follow from calling an image positive from some probability on."""
    positive, score = answers.labels == 1, answers.probabilities[:, 1]
    rows = []
    for threshold in _THRESHOLDS:
        said = score >= threshold
        hits, alarms = int((said & positive).sum()), int((said & ~positive).sum())
        missed, rest = int((~said & positive).sum()), int((~said & ~positive).sum())
        rows.append(
            {
                "threshold": threshold,
                "true_positives": hits,
                "false_positives": alarms,
                "false_negatives": missed,
                "true_negatives": rest,
                "precision": hits / (hits + alarms) if hits + alarms else 0.0,
                "recall": hits / (hits + missed) if hits + missed else 0.0,
            }
        )
    return rows


def _lift(answers: ClassAnswers) -> list[dict[str, float]]:
    """By tenths of the images, those of the highest scores first: how many of the positives are among them."""
    order = np.argsort(-answers.probabilities[:, 1], kind="stable")
    positive = (answers.labels[order] == 1).astype(np.float64)
    total = positive.sum()
    if not total:
        return []
    rows = []
    for tenth in range(1, 11):
        count = max(1, round(len(positive) * tenth / 10))
        found = float(positive[:count].sum() / total)
        rows.append({"share": tenth / 10, "found": found, "lift": found / (count / len(positive))})
    return rows


def _scatter(answers: ValueAnswers) -> list[list[float]]:
    """Target and value of images that are spread over the targets."""
    order = np.argsort(answers.targets, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, min(len(order), _POINTS)).round().astype(int))]
    return [
        [float(target), float(value)]
        for target, value in zip(answers.targets[chosen], answers.values[chosen], strict=True)
    ]


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[list[float]]:
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), _POINTS)).round().astype(int))
    return [[round(float(one), 6), round(float(other), 6)] for one, other in zip(x[chosen], y[chosen], strict=True)]
