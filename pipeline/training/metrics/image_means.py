"""Metrics that are the mean of a value that each image has by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from pipeline.training.metrics.outcomes import Outcomes, numbers

# A probability of zero would make one image's log loss infinite; scikit-learn clips float32 predictions here, too.
_SMALLEST_PROBABILITY = 1.1920929e-07

# scikit-learn's: targets of zero make the percentage huge rather than infinite.
_SMALLEST_TARGET = 2.220446049250313e-16

PerImage = Callable[[Any, Any], Any]


class ImageMean(keras.metrics.MeanMetricWrapper):
    """The mean over all images of a function of labels and predictions that gives `[N]`."""

    def __init__(self, function: PerImage, name: str) -> None:
        super().__init__(function, name=name)


class RootOfImageMean(ImageMean):
    """The square root of such a mean."""

    def result(self) -> Any:
        """Over all batches since the last reset."""
        return ops.sqrt(super().result())


def hits(outcomes: Outcomes) -> PerImage:
    """1 where the likeliest class is the right one."""
    return lambda y_true, y_pred: ops.cast(ops.equal(outcomes.ids(y_true), outcomes.predicted(y_pred)), "float32")


def top_k_hits(outcomes: Outcomes, k: int) -> PerImage:
    """1 where the right class is among the k likeliest."""

    def hits_of(y_true: Any, y_pred: Any) -> Any:
        probabilities = outcomes.probabilities(y_pred)
        return ops.cast(ops.in_top_k(outcomes.ids(y_true), probabilities, k=min(k, outcomes.n_classes)), "float32")

    return hits_of


def log_losses(outcomes: Outcomes) -> PerImage:
    """Minus the logarithm of the right class's probability."""

    def losses(y_true: Any, y_pred: Any) -> Any:
        right = _at(outcomes.probabilities(y_pred), outcomes.ids(y_true))
        return -ops.log(ops.clip(right, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY))

    return losses


def gains(outcomes: Outcomes, matrix: tuple[tuple[float, ...], ...]) -> PerImage:
    """What `matrix[label][prediction]` says an image is worth."""
    return lambda y_true, y_pred: _at(
        ops.take(ops.convert_to_tensor(matrix, "float32"), outcomes.ids(y_true), axis=0), outcomes.predicted(y_pred)
    )


def absolute_errors(y_true: Any, y_pred: Any) -> Any:
    """|y - ŷ|."""
    return ops.abs(numbers(y_true) - numbers(y_pred))


def squared_errors(y_true: Any, y_pred: Any) -> Any:
    """(y - ŷ)²."""
    return ops.square(numbers(y_true) - numbers(y_pred))


def squared_log_errors(y_true: Any, y_pred: Any) -> Any:
    """(log(1 + y) - log(1 + ŷ))², where a negative value counts as zero."""
    first, second = (ops.log1p(ops.maximum(numbers(y), 0.0)) for y in (y_true, y_pred))
    return ops.square(first - second)


def relative_errors(y_true: Any, y_pred: Any) -> Any:
    """|y - ŷ| / |y|: shares, not percents, as scikit-learn has them."""
    return absolute_errors(y_true, y_pred) / ops.maximum(ops.abs(numbers(y_true)), _SMALLEST_TARGET)


def _at(rows: Any, columns: Any) -> Any:
    """Of each row `[N, K]` the value in its column `[N]`."""
    return ops.squeeze(ops.take_along_axis(rows, ops.expand_dims(columns, -1), axis=-1), -1)
