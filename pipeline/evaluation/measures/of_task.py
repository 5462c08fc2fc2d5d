"""Which measures a task has."""

from __future__ import annotations

from collections.abc import Iterable

from darkroom.configuration.metrics_section import MetricOptionsSection, top_k
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.evaluation.measures.measure import Measure
from pipeline.evaluation.measures.of_classes import OF_CLASSES, OF_TWO_CLASSES, cost_gain, lift, top_k_accuracy
from pipeline.evaluation.measures.of_values import OF_VALUES

_TOP = (2, 3, 5)


def measures_of(
    task: Task, n_classes: int, options: MetricOptionsSection, asked: Iterable[str] = ()
) -> dict[str, Measure]:
    """All that a task has, by name.

    Args:
        task: what is predicted.
        n_classes: how many classes there are.
        options: the cost matrix, where there is one, and the share of the lift.
        asked: names that must be among them.

    Raises:
        ConfigurationError: one is not for this task, or lacks what it needs.
    """
    if task is Task.REGRESSION:
        found = dict(OF_VALUES)
    else:
        found = dict(OF_CLASSES)
        wanted = {k for name in asked if (k := top_k(name)) is not None}
        for k in sorted({*(k for k in _TOP if k < n_classes), *wanted}):
            found[f"top_{k}_accuracy"] = top_k_accuracy(k)
    if task is Task.BINARY:
        found |= OF_TWO_CLASSES
        found["lift"] = lift(options.lift_share)
        if options.cost_matrix is not None:
            found["cost_gain"] = cost_gain(options.cost_matrix)
    for name in asked:
        if name not in found:
            if name == "cost_gain" and task is Task.BINARY:
                raise ConfigurationError("evaluation: cost_gain needs training.metric_options.cost_matrix")
            raise ConfigurationError(f"evaluation: {name} is no measure of the task {task}; it has {', '.join(found)}")
    return found
