"""Every metric by its name: for which tasks it is, whether it shall rise, how it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import keras

from darkroom.configuration.metrics_section import EVAL_PREFIX, LOSS, OWN_METRIC, MetricOptionsSection, top_k
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.models.own_code import OwnCode
from pipeline.training.metrics import confusion
from pipeline.training.metrics import image_means as means
from pipeline.training.metrics.confusion import ConfusionScore
from pipeline.training.metrics.image_means import ImageMean, PerImage, RootOfImageMean
from pipeline.training.metrics.moments import R2, ExplainedVariance
from pipeline.training.metrics.outcomes import Outcomes
from pipeline.training.metrics.own_score import own_scores
from pipeline.training.metrics.score_histogram import Lift, RocAuc

_CLASSES = frozenset({Task.MULTICLASS, Task.BINARY})
_REGRESSION = frozenset({Task.REGRESSION})


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured.

    Attributes:
        task: what is predicted.
        outcomes: the form of labels and predictions of classes.
        options: of the metrics.
        own: the user's module.
    """

    task: Task
    outcomes: Outcomes
    options: MetricOptionsSection
    own: OwnCode | None = None


Maker = Callable[[Measured, str], keras.metrics.Metric]


@dataclass(frozen=True, slots=True)
class MetricKind:
    """A metric.

    Attributes:
        make: by what is measured and the metric's name.
        greater_is_better: whether it shall rise.
        tasks: those that it makes sense for.
        two_classes: whether there must be two of them.
    """

    make: Maker
    greater_is_better: bool = True
    tasks: frozenset[Task] = _CLASSES
    two_classes: bool = False


def _mean(function: Callable[[Outcomes], PerImage]) -> Maker:
    return lambda measured, name: ImageMean(function(measured.outcomes), name)


def _confusion(of_each: Callable[..., object]) -> Maker:
    """Of a binary task that of the second class; of more classes the mean."""

    def make(measured: Measured, name: str) -> keras.metrics.Metric:
        over = confusion.of_second if measured.task is Task.BINARY else confusion.macro
        return ConfusionScore(measured.outcomes, over(of_each), name)

    return make


def _error(function: PerImage, root: bool = False) -> MetricKind:
    return MetricKind(
        lambda _, name: (RootOfImageMean if root else ImageMean)(function, name),
        greater_is_better=False,
        tasks=_REGRESSION,
    )


def _cost_gain(measured: Measured, name: str) -> keras.metrics.Metric:
    if measured.options.cost_matrix is None:
        raise ConfigurationError("The metric cost_gain needs training.metric_options.cost_matrix")
    return ImageMean(means.gains(measured.outcomes, measured.options.cost_matrix), name)


def _own_score(measured: Measured, name: str) -> keras.metrics.Metric:
    outcomes = None if measured.task is Task.REGRESSION else measured.outcomes
    return ImageMean(own_scores(measured.own, outcomes), name)


REGISTRY: dict[str, MetricKind] = {
    "accuracy": MetricKind(_mean(means.hits)),
    "balanced_accuracy": MetricKind(
        lambda measured, name: ConfusionScore(measured.outcomes, confusion.balanced_accuracy, name)
    ),
    "precision": MetricKind(_confusion(confusion.precision)),
    "recall": MetricKind(_confusion(confusion.recall)),
    "f1": MetricKind(_confusion(confusion.f1)),
    "log_loss": MetricKind(_mean(means.log_losses), greater_is_better=False),
    "roc_auc": MetricKind(lambda measured, name: RocAuc(measured.outcomes, name)),
    "cost_gain": MetricKind(_cost_gain, two_classes=True),
    "lift": MetricKind(
        lambda measured, name: Lift(measured.outcomes, measured.options.lift_share, name), two_classes=True
    ),
    "explained_variance": MetricKind(lambda _, name: ExplainedVariance(name), tasks=_REGRESSION),
    "mae": _error(means.absolute_errors),
    "mse": _error(means.squared_errors),
    "rmse": _error(means.squared_errors, root=True),
    "rmsle": _error(means.squared_log_errors, root=True),
    "mape": _error(means.relative_errors),
    "r2": MetricKind(lambda _, name: R2(name), tasks=_REGRESSION),
    OWN_METRIC: MetricKind(_own_score, tasks=_CLASSES | _REGRESSION),
}


def metric_kind(name: str) -> MetricKind:
    """A metric by its name; `top_k_accuracy` for any k.

    Raises:
        KeyError: there is none.
    """
    k = top_k(name)
    if k is None:
        return REGISTRY[name]
    return MetricKind(lambda measured, name: ImageMean(means.top_k_hits(measured.outcomes, k), name))


def greater_is_better(watched: str, options: MetricOptionsSection) -> bool:
    """Whether a metric, of either split, shall rise.

    Raises:
        KeyError: there is no such metric.
    """
    name = watched.removeprefix(EVAL_PREFIX)
    if name == LOSS:
        return False
    if name == OWN_METRIC:
        return options.score_greater_is_better
    return metric_kind(name).greater_is_better


def make_metrics(names: Iterable[str], measured: Measured) -> list[keras.metrics.Metric]:
    """Metrics in the order of their names, each once.

    Raises:
        ConfigurationError: one is not for this task, or lacks what it needs.
    """
    found = []
    for name in dict.fromkeys(names):
        kind = metric_kind(name)
        if measured.task not in kind.tasks:
            fitting = ", ".join(each for each, other in REGISTRY.items() if measured.task in other.tasks)
            raise ConfigurationError(
                f"The metric {name} is not for the task {measured.task}; for it there are {fitting}"
            )
        if kind.two_classes and measured.outcomes.n_classes != 2:
            raise ConfigurationError(
                f"The metric {name} is for two classes, and there are {measured.outcomes.n_classes}"
            )
        found.append(kind.make(measured, name))
    return found
