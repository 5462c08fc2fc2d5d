"""The pictures of a page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pipeline.evaluation.report import EvaluationReport
from pipeline.report.run_report import RunReport
from pipeline.training.watching.confusion_picture import confusion_figure
from pipeline.training.watching.curves import curve_figure
from pipeline.training.watching.history import LEARNING_RATE, PHASE
from pipeline.training.watching.pictures import new_figure

_SIZE = (5.2, 3.6)
_SQUARE = (4.2, 4.0)

# More curves in one picture cannot be told apart.
_NAMED_CURVES = 10


def training_figures(report: RunReport) -> dict[str, bytes]:
    """A PNG for the loss, each metric and the learning rate, by name."""
    curves = report.history or {}
    best = (report.model or {}).get("training", {}).get("best_epoch")
    names = [name for name in curves if name != PHASE and not name.startswith("val_")]
    found = {}
    for name in sorted(names, key=lambda each: (each != "loss", each == LEARNING_RATE)):
        figure = curve_figure(curves, name, best)
        figure.set_size_inches(*_SIZE)
        found[name.replace("_", " ")] = png(figure)
    return found


def evaluation_figures(report: EvaluationReport) -> dict[str, bytes]:
    """Those of the task, by title."""
    curves, found = report.curves, {}
    if "confusion" in curves:
        found["Confusion matrix"] = png(confusion_figure(np.array(curves["confusion"]), report.labels))
    if curves.get("roc"):
        found["ROC"] = png(_lines(curves["roc"], report.labels, "false positive rate", "true positive rate", (0, 1)))
    if curves.get("precision_recall"):
        found["Precision and recall"] = png(
            _lines(curves["precision_recall"], report.labels, "recall", "precision", None)
        )
    if curves.get("calibration"):
        found["Calibration"] = png(_calibration(curves["calibration"]))
    if curves.get("lift"):
        found["Cumulative lift"] = png(_lift(curves["lift"]))
    if curves.get("scatter"):
        found["Targets and values"] = png(_scatter(curves["scatter"]))
    return found


def png(figure: Figure) -> bytes:
    """A figure as a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return buffer.getvalue()


def _lines(
    points: dict[str, list[list[float]]],
    labels: Sequence[str],
    x: str,
    y: str,
    chance: tuple[float, float] | None,
) -> Figure:
    figure = new_figure(*_SQUARE)
    axes = figure.add_subplot()
    for label, line in list(points.items())[:_NAMED_CURVES]:
        axes.plot(*np.array(line).T, label=labels[int(label)], linewidth=1.4)
    if chance is not None:
        axes.plot([0, 1], chance, color="grey", linestyle="--", linewidth=0.8)
    axes.set(xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def _calibration(bins: list[dict[str, Any]]) -> Figure:
    figure = new_figure(*_SQUARE)
    axes = figure.add_subplot()
    confidence, accuracy = ([one[key] for one in bins] for key in ("confidence", "accuracy"))
    most = max(one["images"] for one in bins)
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=0.8, label="as sure as right")
    axes.plot(confidence, accuracy, linewidth=1)
    axes.scatter(confidence, accuracy, s=[12 + 120 * one["images"] / most for one in bins], label="images in a bin")
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(-0.02, 1.02), ylim=(-0.02, 1.05))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper left")
    return figure


def _lift(rows: list[dict[str, float]]) -> Figure:
    figure = new_figure(*_SQUARE)
    axes = figure.add_subplot()
    axes.plot([0, *(row["share"] for row in rows)], [0, *(row["found"] for row in rows)], marker=".")
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=0.8)
    axes.set(xlabel="share of images, highest scores first", ylabel="share of positives found")
    axes.grid(alpha=0.3)
    return figure


def _scatter(points: list[list[float]]) -> Figure:
    figure = new_figure(*_SQUARE)
    axes = figure.add_subplot()
    targets, values = np.array(points).T
    ends = [min(targets.min(), values.min()), max(targets.max(), values.max())]
    axes.plot(ends, ends, color="grey", linestyle="--", linewidth=0.8)
    axes.scatter(targets, values, s=12, alpha=0.6)
    axes.set(xlabel="target", ylabel="value")
    axes.grid(alpha=0.3)
    return figure
