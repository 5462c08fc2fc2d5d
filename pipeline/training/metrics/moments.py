"""Metrics that compare errors with how much the targets themselves vary."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from pipeline.training.metrics.outcomes import numbers, weights_of

# Differences of large sums: float32 would leave nothing of a variance that is small beside its mean.
_DTYPE = "float64"


class ErrorMoments(keras.metrics.Metric):
    """Keeps the sums from which variances of targets and errors follow; those of several replicas add up."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.count, self.target, self.target_squared, self.error, self.error_squared = (
            self.add_variable((), "zeros", dtype=_DTYPE, name=part)
            for part in ("count", "target", "target_squared", "error", "error_squared")
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch."""
        target = numbers(y_true, _DTYPE)
        error = target - numbers(y_pred, _DTYPE)
        weights = weights_of(target, sample_weight, _DTYPE)
        self.count.assign_add(ops.sum(weights))
        self.target.assign_add(ops.sum(weights * target))
        self.target_squared.assign_add(ops.sum(weights * target * target))
        self.error.assign_add(ops.sum(weights * error))
        self.error_squared.assign_add(ops.sum(weights * error * error))

    def _target_variance(self) -> Any:
        return self.target_squared - self.target * self.target / ops.maximum(self.count, 1)

    def _explained(self, unexplained: Any) -> Any:
        """1 - unexplained / variance; where targets do not vary, 1 if nothing is unexplained and 0 otherwise."""
        variance = ops.maximum(self._target_variance(), 0)
        varies = variance > 0
        constant = ops.cast(unexplained <= 0, _DTYPE)
        share = 1 - unexplained / ops.where(varies, variance, ops.ones_like(variance))
        return ops.cast(ops.where(varies, share, constant), self.dtype)


class R2(ErrorMoments):
    """The coefficient of determination."""

    def result(self) -> Any:
        """Over all batches since the last reset."""
        return self._explained(ops.convert_to_tensor(self.error_squared))


class ExplainedVariance(ErrorMoments):
    """As R2, but a constant error is forgiven."""

    def result(self) -> Any:
        """Over all batches since the last reset."""
        return self._explained(self.error_squared - self.error * self.error / ops.maximum(self.count, 1))
