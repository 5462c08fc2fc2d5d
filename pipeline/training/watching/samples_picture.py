"""Some images with what a network says of them, as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from pipeline.training.watching.pictures import new_figure

_COLUMNS = 4


def samples_figure(pixels: np.ndarray, ids: np.ndarray, probabilities: np.ndarray, labels: Sequence[str]) -> Figure:
    """A grid of images; wrong predictions are written in red.

    Args:
        pixels: `[N, H, W, C]` as the network sees them; their range is stretched to black and white.
        ids: class ids `[N]`.
        probabilities: `[N, K]`.
        labels: class names in id order.
    """
    rows = math.ceil(len(pixels) / _COLUMNS)
    figure = new_figure(2.2 * _COLUMNS, 2.4 * rows)
    shown = _visible(pixels)
    for place, (image, label, shares) in enumerate(zip(shown, ids, probabilities, strict=True), start=1):
        axes = figure.add_subplot(rows, _COLUMNS, place)
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
        said = int(shares.argmax())
        text = f"{labels[said]} {shares[said]:.2f}" + ("" if said == label else f"\nis {labels[int(label)]}")
        axes.set_title(text, fontsize=8, color="black" if said == label else "red")
    return figure


def _visible(pixels: np.ndarray) -> np.ndarray:
    low, high = pixels.min(), pixels.max()
    shown: np.ndarray = (pixels - low) / max(high - low, np.finfo(np.float32).tiny)
    if shown.shape[-1] == 1:
        return shown[..., 0]
    # Of more than three channels, the first three.
    return shown[..., :3]
