"""Matplotlib figures as files and as pixels, drawn without a screen and without pyplot's global state."""

from __future__ import annotations

import io

import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_DOTS_PER_INCH = 100


def new_figure(width: float, height: float) -> Figure:
    """An empty figure; sizes in inches."""
    figure = Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write_png(figure: Figure, path: str) -> None:
    """Writes a figure to a local path or a URL of a TensorFlow file system."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(buffer.getvalue())


def pixels(figure: Figure) -> np.ndarray:
    """A figure as `[H, W, 3]` uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
