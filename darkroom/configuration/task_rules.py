"""What `data.task` asks of the other sections."""

from __future__ import annotations

from collections.abc import Iterator

from darkroom.configuration.evaluation_section import BINARY_MEASURES, VALUE_MEASURES, EvaluationSection
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


def watch_what_the_task_has(
    task: Task, training: TrainingSection, tuning: TuningSection, evaluation: EvaluationSection
) -> None:
    """Lets rules of a regression that were left as they are watch the loss and errors, for there is no accuracy.

    Only for a validator: it changes sections that are immutable afterwards.
    """
    if task.has_classes:
        return
    watching: list[tuple[Section, str, str]] = [
        (training.objective, "metric", WATCHED_LOSS),
        (tuning, "objective", WATCHED_LOSS),
        (evaluation, "beat_trivial", "rmse"),
    ]
    if training.recipe.name == "fine_tune":
        watching.append((training.recipe, "metric", WATCHED_LOSS))
    for section, key, metric in watching:
        if key not in section.model_fields_set:
            object.__setattr__(section, key, metric)


def check_task(task: Task, training: TrainingSection, tuning: TuningSection, evaluation: EvaluationSection) -> None:
    """Refuses options that mean nothing for the task.

    Raises:
        ValueError: with the option and what to do.
    """
    if task is Task.REGRESSION:
        if training.class_weights is not None:
            raise ValueError("training.class_weights: a regression has no classes; leave it out")
        if training.label_smoothing:
            raise ValueError("training.label_smoothing: a regression has no classes; leave it out")
        for key in ("min_accuracy", "max_accuracy_drop"):
            if key in evaluation.model_fields_set and getattr(evaluation, key) != _default(evaluation, key):
                raise ValueError(f"evaluation.{key}: a regression has no accuracy; use max_r2_drop and rules")
    for key, name in _named_metrics(training, tuning):
        metric = name.removeprefix(EVAL_PREFIX)
        if metric in (LOSS, OWN_METRIC):
            continue
        if (metric in REGRESSION_METRICS) == task.has_classes:
            other = "numbers" if task.has_classes else "classes"
            raise ValueError(f"{key}: {name} is a metric of {other}, but data.task is {task}")
    _check_measures(task, evaluation)


def _check_measures(task: Task, evaluation: EvaluationSection) -> None:
    named = [("evaluation.rules", rule.metric) for rule in evaluation.rules]
    if evaluation.beat_trivial is not None:
        named.append(("evaluation.beat_trivial", evaluation.beat_trivial))
    for key, name in named:
        if (name in VALUE_MEASURES) == task.has_classes:
            other = "numbers" if task.has_classes else "classes"
            raise ValueError(f"{key}: {name} is a measure of {other}, but data.task is {task}")
        if name in BINARY_MEASURES and task is not Task.BINARY:
            raise ValueError(f"{key}: {name} is a measure of two classes, but data.task is {task}")


def _default(section: Section, key: str) -> object:
    return type(section).model_fields[key].default


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
