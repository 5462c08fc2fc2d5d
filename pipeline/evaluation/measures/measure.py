"""One number about a model's answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class Measure:
    """How a number is found.

    Attributes:
        of: by the answers and by how much each image counts, None for all alike; None where it is not defined, as
            the area under a curve of one class.
        greater_is_better: whether it shall rise.
        is_cheap: whether its cost grows with the images alone, so that resampling it is nearly free.
        hits: 1 or 0 for each image `[N]`, where it is the share of those with 1; None for other measures.
    """

    of: Callable[[Any, Weights], float | None]
    greater_is_better: bool = True
    is_cheap: bool = True
    hits: Callable[[Any], NDArray[np.float64]] | None = None


def mean_of(of_images: Callable[[Any], NDArray[np.float64]], *, greater_is_better: bool = True) -> Measure:
    """The mean of a value that each image has by itself."""
    return Measure(lambda answers, weights: float(np.average(of_images(answers), weights=weights)), greater_is_better)


def share_of(hits: Callable[[Any], NDArray[np.float64]]) -> Measure:
    """The share of images that have 1 rather than 0."""
    return replace(mean_of(hits), hits=hits)
