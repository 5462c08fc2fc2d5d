"""What `data.task` asks of the other sections."""

from __future__ import annotations

from collections.abc import Iterator

from darkroom.configuration.metrics_section import (
    EVAL_PREFIX,
    LOSS,
    OWN_METRIC,
    REGRESSION_METRICS,
    WATCHED_LOSS,
)
from darkroom.configuration.section import Section
from darkroom.configuration.training_section import TrainingSection
from darkroom.configuration.tuning_section import TuningSection
from darkroom.task import Task


def watch_what_the_task_has(task: Task, training: TrainingSection, tuning: TuningSection) -> None:
    """Lets rules of a regression that were left as they are watch the loss, for there is no accuracy.

    Only for a validator: it changes sections that are immutable afterwards.
    """
    if task.has_classes:
        return
    watching: list[tuple[Section, str]] = [(training.objective, "metric"), (tuning, "objective")]
    if training.recipe.name == "fine_tune":
        watching.append((training.recipe, "metric"))
    for section, key in watching:
        if key not in section.model_fields_set:
            object.__setattr__(section, key, WATCHED_LOSS)


def check_task(task: Task, training: TrainingSection, tuning: TuningSection) -> None:
    """Refuses options that mean nothing for the task.

    Raises:
        ValueError: with the option and what to do.
    """
    if task is Task.REGRESSION:
        if training.class_weights is not None:
            raise ValueError("training.class_weights: a regression has no classes; leave it out")
        if training.label_smoothing:
            raise ValueError("training.label_smoothing: a regression has no classes; leave it out")
    for key, name in _named_metrics(training, tuning):
        metric = name.removeprefix(EVAL_PREFIX)
        if metric in (LOSS, OWN_METRIC):
            continue
        if (metric in REGRESSION_METRICS) == task.has_classes:
            other = "numbers" if task.has_classes else "classes"
            raise ValueError(f"{key}: {name} is a metric of {other}, but data.task is {task}")


def _named_metrics(training: TrainingSection, tuning: TuningSection) -> Iterator[tuple[str, str]]:
    for name in training.metrics:
        yield "training.metrics", name
    if training.recipe.name == "fine_tune":
        yield "training.recipe.metric", training.recipe.metric
    if training.early_stopping is not None:
        yield "training.early_stopping.metric", training.early_stopping.metric
    if training.schedule.metric is not None:
        yield "training.schedule.metric", training.schedule.metric
    if training.objective.reach is not None:
        yield "training.objective.metric", training.objective.metric
    if training.best_metric is not None:
        yield "training.best_metric", training.best_metric
    if tuning.enabled:
        yield "tuning.objective", tuning.objective
