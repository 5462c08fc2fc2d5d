"""The curves of a training as pictures."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from darkroom.configuration.metrics_section import EVAL_PREFIX
from pipeline.training.watching.history import LEARNING_RATE, PHASE
from pipeline.training.watching.pictures import new_figure, write_png


def write_curves(curves: Mapping[str, Sequence[Any]], folder: str, best_epoch: int | None = None) -> tuple[str, ...]:
    """Writes a PNG for the loss, for each metric and for the learning rate, named after it.

    Args:
        curves: a value of each for each epoch, with the phase.
        folder: made if it is not there.
        best_epoch: from 1; is marked.

    Returns:
        The files' names.
    """
    names = [name for name in curves if name != PHASE and not name.startswith(EVAL_PREFIX)]
    tf.io.gfile.makedirs(folder)
    for name in names:
        write_png(curve_figure(curves, name, best_epoch), os.path.join(folder, f"{name}.png"))
    return tuple(f"{name}.png" for name in names)


def curve_figure(curves: Mapping[str, Sequence[Any]], name: str, best_epoch: int | None = None) -> Figure:
    """A metric on the training and the eval split, over all phases."""
    figure = new_figure(8, 4.5)
    axes = figure.add_subplot()
    for key, label in ((name, "training"), (f"{EVAL_PREFIX}{name}", "eval")):
        values = curves.get(key, ())
        if values:
            axes.plot(range(1, len(values) + 1), values, marker=".", label=None if name == LEARNING_RATE else label)
    if name == LEARNING_RATE:
        axes.set_yscale("log")
    _mark_phases(axes, curves.get(PHASE, ()))
    if best_epoch is not None:
        axes.axvline(best_epoch, color="tab:green", linestyle="--", linewidth=1, label="best epoch")
    axes.set_xlabel("epoch")
    axes.set_ylabel(name.replace("_", " "))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    return figure


def _mark_phases(axes: Any, phases: Sequence[str]) -> None:
    """A line where a phase begins, with its name; none for the only one."""
    groups = [(name, len(list(group))) for name, group in itertools.groupby(phases)]
    before = 0
    for name, epochs in groups if len(groups) > 1 else ():
        axes.axvline(before + 0.5, color="grey", linewidth=0.8, alpha=0.6)
        axes.annotate(name, (before + 0.6, 1), xycoords=("data", "axes fraction"), va="top", fontsize=8, color="grey")
        before += epochs
