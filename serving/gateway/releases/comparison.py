"""How far two versions' answers to the same request are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving import tensors

# Label or class id -> score, the most probable first; one for each prediction.
_Scores = list[dict[Any, float]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs.

    Attributes:
        predictions: how many there are: images, examples.
        disagreements: those whose most probable class differs; 0 for regression.
        largest_difference: the largest difference of a score between the two.
    """

    predictions: int
    disagreements: int
    largest_difference: float


def compare(method: str, answer: Any, other: Any) -> Comparison | None:
    """Compare two answers to a Predict, Classify or Regress request; None when they can't be."""
    if method == "Classify":
        return _compare_scores(_classified(answer), _classified(other))
    if method == "Regress":
        return _compare_values(
            np.array([item.value for item in answer.result.regressions]),
            np.array([item.value for item in other.result.regressions]),
        )
    mine, others = _predicted(answer.outputs), _predicted(other.outputs)
    if mine is not None and others is not None:
        return _compare_scores(mine, others)
    return _compare_outputs(answer.outputs, other.outputs)


def _classified(answer: Any) -> _Scores:
    return [
        {item.label: item.score for item in sorted(listed.classes, key=lambda item: -item.score)}
        for listed in answer.result.classifications
    ]


def _predicted(outputs: Any) -> _Scores | None:
    """A Darkroom model's answer by label, because two versions may number their classes differently."""
    if not {"probabilities", "class_ids", "labels"} <= outputs.keys():
        return None
    probabilities, class_ids, labels = (
        tensors.to_array(outputs[name]) for name in ("probabilities", "class_ids", "labels")
    )
    if probabilities.ndim != 2 or class_ids.ndim != 2 or class_ids.shape != labels.shape:
        return None
    if len(class_ids) != len(probabilities) or class_ids.size == 0 or class_ids.max() >= probabilities.shape[1]:
        return None
    scores = np.take_along_axis(probabilities, class_ids, axis=1)
    return [dict(zip(names, row, strict=True)) for names, row in zip(labels.tolist(), scores.tolist(), strict=True)]


def _compare_scores(mine: _Scores, others: _Scores) -> Comparison | None:
    if len(mine) != len(others) or not mine or not all(mine) or not all(others):
        return None
    disagreements = sum(next(iter(one)) != next(iter(other)) for one, other in zip(mine, others, strict=True))
    # Only the top classes are listed, so a class that one of them lacks has a score that is not known.
    differences = [
        abs(score - other[label])
        for one, other in zip(mine, others, strict=True)
        for label, score in one.items()
        if label in other
    ]
    return Comparison(len(mine), disagreements, float(max(differences, default=1.0)))


def _compare_outputs(outputs: Any, others: Any) -> Comparison | None:
    """Any other model's: the outputs of numbers that both have. A matrix of scores has a row for each prediction."""
    found: list[Comparison] = []
    for name in sorted(outputs.keys() & others.keys()):
        mine, other = tensors.to_array(outputs[name]), tensors.to_array(others[name])
        if np.issubdtype(mine.dtype, np.floating) and mine.shape == other.shape and mine.size:
            compared = _compare_values(mine, other)
            if compared is not None:
                found.append(compared)
    if not found:
        return None
    return Comparison(
        max(one.predictions for one in found),
        max(one.disagreements for one in found),
        max(one.largest_difference for one in found),
    )


def _compare_values(mine: NDArray[Any], other: NDArray[Any]) -> Comparison | None:
    if mine.shape != other.shape or not mine.size:
        return None
    disagreements = 0
    if mine.ndim == 2 and mine.shape[1] > 1:
        disagreements = int((mine.argmax(axis=1) != other.argmax(axis=1)).sum())
    with np.errstate(invalid="ignore"):
        differences = np.abs(mine.astype(np.float64) - other.astype(np.float64))
    # Where both are the same infinity or both not a number there is no difference; where one is, there is no end to it.
    same = (mine == other) | (np.isnan(mine) & np.isnan(other))
    differences = np.where(same, 0.0, np.where(np.isnan(differences), np.inf, differences))
    return Comparison(len(np.atleast_1d(mine)), disagreements, float(differences.max()))
