"""`training.metrics:` and the names of metrics wherever a rule watches one."""

from __future__ import annotations

import difflib
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from darkroom.configuration.section import Section

CLASSIFICATION_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "log_loss",
    "roc_auc",
    "top_2_accuracy",
    "top_3_accuracy",
    "top_5_accuracy",
    "top_10_accuracy",
)
BINARY_METRICS = ("cost_gain", "lift")
REGRESSION_METRICS = ("explained_variance", "mae", "mse", "rmse", "rmsle", "mape", "r2")
OWN_METRIC = "score"
METRIC_NAMES = (*CLASSIFICATION_METRICS, *BINARY_METRICS, *REGRESSION_METRICS, OWN_METRIC)

LOSS = "loss"

# What rules watch in a classification, and in a regression, where nothing else is configured.
WATCHED_ACCURACY = "val_accuracy"
WATCHED_LOSS = "val_loss"

# Keras's prefix of what is measured on the eval split.
EVAL_PREFIX = "val_"

_TOP_K = re.compile(r"top_([1-9]\d*)_accuracy")


def top_k(name: str) -> int | None:
    """The k of `top_k_accuracy`, any number; None for another metric."""
    found = _TOP_K.fullmatch(name)
    return int(found[1]) if found else None


def _metric_name(name: str) -> str:
    if name in METRIC_NAMES or top_k(name) is not None:
        return name
    near = difflib.get_close_matches(name, METRIC_NAMES, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(METRIC_NAMES)}"
    raise ValueError(f"there is no metric {name!r}; {hint}")


def _watched_name(name: str) -> str:
    plain = name.removeprefix(EVAL_PREFIX)
    if plain != LOSS:
        _metric_name(plain)
    return name


MetricName = Annotated[str, AfterValidator(_metric_name)]

# `val_` and the metric's name for the eval split, the name alone for the training split.
WatchedName = Annotated[str, AfterValidator(_watched_name)]

Costs = tuple[float, float]


class MetricOptionsSection(Section):
    """What some metrics need to know."""

    cost_matrix: tuple[Costs, Costs] | None = Field(
        default=None,
        description="Of `cost_gain`: what an image is worth, a row for each of the two classes that it may be of, a "
        "column for each that is predicted: `[[0, -0.3], [0, 1]]` gains 1 by an image of the second class that is "
        "found and loses 0.3 by a false alarm.",
    )
    lift_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.1, description="Of `lift`: which share of the images counts, those of the highest scores."
    )
    score_greater_is_better: bool = Field(default=True, description="Of `score`, which your own module defines.")
