"""Metrics that follow from the order in which scores rank the images: ROC AUC and lift."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from pipeline.training.metrics.outcomes import Outcomes, weights_of

# Log-odds of float32 probabilities: from those of the smallest normal number to those of the largest one below 1.
_LOWEST, _HIGHEST = -88.0, 17.0
_SMALLEST = 1.1754944e-38
_SMALLEST_COMPLEMENT = 5.9604645e-08

# 0.013 wide, so that what falls into one bin differs by no more than 0.3 percentage points anywhere. With many classes
# they are fewer, as they are a part of each saved state.
_BINS = 8192
_FEWEST_BINS = 512
_ALL_BINS = 2**18


class ScoreHistogram(keras.metrics.Metric):
    """Counts the images by score, which add up over replicas; the exact order of all images would not.

    Scores are binned by their log-odds, so that a sure network's probabilities near 0 and 1 stay apart. Images of one
    bin count as having the same score.

    Attributes:
        positives: images of a class by the score of that class, `[columns, bins]`.
        everything: all images, the same way.
    """

    def __init__(self, outcomes: Outcomes, name: str) -> None:
        super().__init__(name=name)
        self._outcomes = outcomes
        # Of two classes, the one's order is the other's reversed.
        self._columns = 1 if outcomes.n_classes == 2 else outcomes.n_classes
        self._bins = min(_BINS, max(_FEWEST_BINS, _ALL_BINS // self._columns))
        self.positives = self.add_variable((self._columns, self._bins), "zeros", name="positives")
        self.everything = self.add_variable((self._columns, self._bins), "zeros", name="everything")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts a batch."""
        ids = self._outcomes.ids(y_true)
        scores = self._outcomes.probabilities(y_pred)
        is_class = ops.one_hot(ids, self._outcomes.n_classes)
        if self._columns == 1:
            scores, is_class = scores[:, 1:], is_class[:, 1:]
        weights = ops.expand_dims(weights_of(ids, sample_weight), -1)
        cells = self._bin(scores) + self._bins * ops.arange(self._columns, dtype="int32")
        self.positives.assign_add(self._counts(cells, weights * is_class))
        self.everything.assign_add(self._counts(cells, weights * ops.ones_like(is_class)))

    def _bin(self, scores: Any) -> Any:
        odds = ops.log(ops.maximum(scores, _SMALLEST)) - ops.log(ops.maximum(1 - scores, _SMALLEST_COMPLEMENT))
        places = (odds - _LOWEST) * (self._bins / (_HIGHEST - _LOWEST))
        return ops.cast(ops.clip(places, 0, self._bins - 1), "int32")

    def _counts(self, cells: Any, weights: Any) -> Any:
        flat = ops.segment_sum(
            ops.reshape(weights, (-1,)), ops.reshape(cells, (-1,)), num_segments=self._columns * self._bins
        )
        return ops.reshape(flat, (self._columns, self._bins))


class RocAuc(ScoreHistogram):
    """The probability that an image of a class scores higher for it than one of another; the mean over the classes.

    One class against the rest, each class counting the same: scikit-learn's `multi_class="ovr", average="macro"`.
    Classes without images, or without others, are left out.
    """

    def result(self) -> Any:
        """Over all batches since the last reset."""
        positives = ops.cast(self.positives, "float64")
        negatives = ops.cast(self.everything, "float64") - positives
        # Of the negatives with the same score, half count as lower.
        lower = ops.cumsum(negatives, axis=1) - negatives / 2
        pairs = ops.sum(positives, axis=1) * ops.sum(negatives, axis=1)
        areas = ops.sum(positives * lower, axis=1) / ops.where(pairs > 0, pairs, ops.ones_like(pairs))
        counted = ops.cast(pairs > 0, "float64")
        return ops.cast(ops.sum(areas * counted) / ops.maximum(ops.sum(counted), 1), self.dtype)


class Lift(ScoreHistogram):
    """How many times as many images of the second class the highest-scored share has as a random share would."""

    def __init__(self, outcomes: Outcomes, share: float, name: str) -> None:
        """Takes which share of the images counts."""
        super().__init__(outcomes, name)
        self._share = share

    def result(self) -> Any:
        """Over all batches since the last reset; 0 where there is no image of the second class."""
        positives = ops.flip(ops.cast(self.positives, "float64")[0])
        everything = ops.flip(ops.cast(self.everything, "float64")[0])
        wanted = self._share * ops.sum(everything)
        before = ops.cumsum(everything) - everything
        # Of the bin at the border, a part.
        part = ops.clip((wanted - before) / ops.where(everything > 0, everything, ops.ones_like(everything)), 0, 1)
        expected = self._share * ops.sum(positives)
        found = ops.sum(part * positives)
        return ops.cast(found / ops.where(expected > 0, expected, ops.ones_like(expected)), self.dtype)
