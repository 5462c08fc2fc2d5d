"""The `score` of the user's module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from darkroom.errors import ConfigurationError
from pipeline.models.own_code import OwnCode
from pipeline.training.metrics.image_means import PerImage
from pipeline.training.metrics.outcomes import Outcomes


def own_scores(own: OwnCode | None, outcomes: Outcomes | None) -> PerImage:
    """The user's `score`, which gives a value for each image; their mean is the metric.

    Args:
        own: the module.
        outcomes: the form of labels and predictions; None for a regression, which has but one.

    Raises:
        ConfigurationError: there is no such function, it fails, or it gives something else.
    """
    hook: Callable[..., Any] | None = own.hook("score") if own else None
    if own is None or hook is None:
        raise ConfigurationError(
            "The metric score is that of your own module, and there is none: name it in model.module and define "
            "score(y_true, y_pred) in it"
        )
    module = own.module

    def scores(y_true: Any, y_pred: Any) -> Any:
        if outcomes is not None:
            y_true, y_pred = outcomes.ids(y_true), outcomes.probabilities(y_pred)
        else:
            y_true, y_pred = tf.reshape(y_true, [-1]), tf.reshape(y_pred, [-1])
        returned = hook(y_true, y_pred)
        try:
            values = tf.cast(returned, tf.float32)
            if values.shape.rank == 1:
                return values
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{module}.score must return a tensor, but returned {returned!r}") from error
        raise ConfigurationError(
            f"{module}.score must return a value for each image, [N], of which Darkroom takes the mean, but returned "
            f"the shape {values.shape}"
        )

    return scores
