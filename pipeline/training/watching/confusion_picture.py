"""A confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from pipeline.training.watching.pictures import new_figure

# Beyond these, numbers and names would lie over one another.
_NUMBERED_CLASSES = 20
_NAMED_CLASSES = 60


def confusion_figure(matrix: np.ndarray, labels: Sequence[str]) -> Figure:
    """Counts by class (rows) and prediction (columns), coloured by the share of the class's images.

    Args:
        matrix: `[K, K]` counts.
        labels: class names in id order.
    """
    classes = len(labels)
    side = min(max(4.0, 0.5 * classes + 2), 16.0)
    figure = new_figure(side, side)
    axes = figure.add_subplot()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("class")
    if classes <= _NAMED_CLASSES:
        axes.set_xticks(range(classes), labels, rotation=90)
        axes.set_yticks(range(classes), labels)
    if classes <= _NUMBERED_CLASSES:
        for row, column in np.ndindex(matrix.shape):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{int(matrix[row, column])}", ha="center", va="center", color=colour)
    return figure
