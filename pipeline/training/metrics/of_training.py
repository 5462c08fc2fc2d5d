"""The metrics of one training: those that every training shows, those that were asked for, those that rules watch."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from darkroom.configuration.metrics_section import EVAL_PREFIX, LOSS
from darkroom.configuration.training_section import TrainingSection
from darkroom.task import Task
from pipeline.models.output_check import LINEAR, output_activation
from pipeline.models.own_code import OwnCode
from pipeline.training.metrics.outcomes import Outcomes
from pipeline.training.metrics.registry import Measured, make_metrics

ACCURACY = "accuracy"


def training_metrics(
    task: Task, section: TrainingSection, model: keras.Model, own: OwnCode | None = None
) -> list[keras.metrics.Metric]:
    """The metrics to compile a network with.

    Raises:
        ConfigurationError: one is not for this task, or lacks what it needs.
    """
    outcomes = outcomes_of(model)
    # R² is 0 for the mean target: by it one sees in any unit whether anything is learned.
    standard = (ACCURACY,) if task.has_classes else ("mae", "r2")
    names = (*standard, *section.metrics, *(name.removeprefix(EVAL_PREFIX) for name in _watched(section)))
    return make_metrics((name for name in names if name != LOSS), Measured(task, outcomes, section.metric_options, own))


def outcomes_of(model: keras.Model) -> Outcomes:
    """How a classifier's predictions are to be read; one unit stands for two classes."""
    return Outcomes(max(int(model.output_shape[-1]), 2), output_activation(model) == LINEAR)


def _watched(section: TrainingSection) -> Iterator[str]:
    """Of the rules that this recipe has."""
    if section.recipe.name == "fine_tune":
        yield section.recipe.metric
    elif section.early_stopping is not None:
        yield section.early_stopping.metric
    if section.schedule.name == "plateau" and section.schedule.metric is not None:
        yield section.schedule.metric
    if section.objective.reach is not None:
        yield section.objective.metric
    if section.best_metric is not None:
        yield section.best_metric
