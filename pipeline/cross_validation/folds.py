"""Dealing images into folds."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from darkroom.errors import DataError

# One fold is judged, one is watched, and something must train.
MIN_FOLDS = 3


def deal(strata: np.ndarray, units: np.ndarray, folds: int) -> np.ndarray:
    """The fold of each image, `[N]` from 0; the same for the same images in the same order.

    Each fold has each stratum's share as nearly as units allow: to within one image where each is a unit of its own.

    Args:
        strata: `[N]` class ids, or strata of targets.
        units: `[N]` what shares a fold.
        folds: how many.

    Raises:
        DataError: there are fewer units than folds.
    """
    found = len(np.unique(units))
    if found < folds:
        raise DataError(
            f"{found} images that need not stay together (copies, look-alikes, data.group) cannot fill {folds} folds; "
            f"ask for fewer, {MIN_FOLDS} at least, or add images."
        )
    # scikit-learn refuses a set whose classes all have fewer images than there are folds; then one stratum is left.
    balanced = strata if np.bincount(strata).max() >= folds else np.zeros_like(strata)
    numbers = np.empty(len(units), np.int64)
    with warnings.catch_warnings():
        # That a class has fewer images than there are folds: the report says so in its own words.
        warnings.simplefilter("ignore", UserWarning)
        dealt = StratifiedGroupKFold(folds).split(np.zeros(len(units)), balanced, units)
        for number, (_, members) in enumerate(dealt):
            numbers[members] = number
    return numbers
