"""What a search found, for people and for other programs."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from matplotlib.figure import Figure
from pydantic import BaseModel, ConfigDict

from pipeline.training.watching.pictures import new_figure, write_png

REPORT_FILE = "report.json"
PICTURE_FILE = "parameters.png"


class TrialReport(BaseModel):
    """One trial.

    Attributes:
        trial: its id.
        values: by dotted key.
        score: the objective's best value; None where it failed.
        epochs: how many it trained, earlier rounds of Hyperband included.
        seconds: that it took.
        as_configured: whether these are the configuration's own values.
        error: why it failed; None where it did not.
        findings: of the diagnosis.
    """

    model_config = ConfigDict(frozen=True)

    trial: str
    values: dict[str, Any]
    score: float | None = None
    epochs: int = 0
    seconds: float = 0.0
    as_configured: bool = False
    error: str | None = None
    findings: tuple[str, ...] = ()


class TuningReport(BaseModel):
    """A search.

    Attributes:
        algorithm: of the search.
        objective: the metric.
        rising: whether it shall rise.
        best: values by dotted key.
        trials: the best first, those that failed last.
        pictures: paths of what was drawn.
    """

    model_config = ConfigDict(frozen=True)

    algorithm: str
    objective: str
    rising: bool
    best: dict[str, Any]
    trials: tuple[TrialReport, ...]
    pictures: tuple[str, ...] = ()

    @property
    def as_configured(self) -> TrialReport | None:
        """The trial with the configuration's own values, where there was one that did not fail."""
        return next((one for one in self.trials if one.as_configured and one.score is not None), None)

    def write(self, folder: str) -> None:
        """Writes `report.json`."""
        with tf.io.gfile.GFile(os.path.join(folder, REPORT_FILE), "w") as file:
            file.write(self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, folder: str) -> TuningReport:
        """Reads `report.json`."""
        with tf.io.gfile.GFile(os.path.join(folder, REPORT_FILE)) as file:
            return cls.model_validate_json(file.read())


def ranked(trials: Sequence[TrialReport], *, rising: bool) -> tuple[TrialReport, ...]:
    """The best first, those that failed last."""
    sign = -1 if rising else 1
    return tuple(sorted(trials, key=lambda one: math.inf if one.score is None else sign * one.score))


def write_picture(report: TuningReport, logarithmic: frozenset[str], folder: str) -> str:
    """Draws the objective over each hyperparameter.

    Args:
        report: of the search.
        logarithmic: keys that were searched on a log scale.
        folder: where to.

    Returns:
        The picture's path.
    """
    path = os.path.join(folder, PICTURE_FILE)
    write_png(_picture(report, logarithmic), path)
    return path


def _picture(report: TuningReport, logarithmic: frozenset[str]) -> Figure:
    keys = list(dict.fromkeys(key for trial in report.trials for key in trial.values))
    figure = new_figure(max(4.0 * len(keys), 5.0), 4)
    every = figure.subplots(1, len(keys), sharey=True, squeeze=False)[0]
    for axes, key in zip(every, keys, strict=True):
        shown = [trial for trial in report.trials if trial.score is not None and key in trial.values]
        numbers = all(isinstance(trial.values[key], (int, float)) for trial in shown)
        where = [trial.values[key] if numbers else str(trial.values[key]) for trial in shown]
        axes.scatter(where, [trial.score for trial in shown], s=18, alpha=0.7)
        if shown:
            axes.scatter(where[:1], [shown[0].score], s=70, facecolors="none", edgecolors="tab:green", label="best")
        if key in logarithmic:
            axes.set_xscale("log")
        axes.set_xlabel(key)
        axes.grid(alpha=0.3)
    every[0].set_ylabel(report.objective.replace("_", " "))
    return figure
