"""From the rows of all images to their splits, and to what is wrong between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.task import Task
from pipeline.ingestion.options import IngestionOptions
from pipeline.ingestion.splits import ASIDE, Images, assign, strata_of_targets
from pipeline.ingestion.staging import Rows
from pipeline.ingestion.units import units_of


@dataclass(frozen=True, slots=True)
class Splitting:
    """Where each image goes.

    Attributes:
        splits: `[N]` index into `pipeline.features.SPLITS`; negative for images that no split may have.
        torn: numbers of these rows.
        conflicts: numbers of the rows of each set of images with the same bytes and different labels or targets.
    """

    splits: np.ndarray
    torn: np.ndarray
    conflicts: tuple[np.ndarray, ...]


def split_rows(rows: Rows, options: IngestionOptions, known: np.ndarray) -> Splitting:
    """Decides for all images.

    Args:
        rows: sorted by SHA-256.
        options: the task, the shares, and what keeps images together.
        known: `[N]` index into `SPLITS` where an earlier run decided, else -1. What the source itself decides
            comes first.
    """
    given = rows["given"].astype(np.int64) - 1
    known = np.where(given >= 0, given, known)
    is_regression = options.task is Task.REGRESSION
    images = Images(
        strata=strata_of_targets(rows["target"]) if is_regression else rows["label"].astype(np.int64),
        units=units_of(rows, options.near_duplicates),
        known=known,
    )
    splits = assign(images, options.ratios.of(len(rows)))
    return Splitting(
        splits, np.flatnonzero(splits == ASIDE), _conflicts(rows, rows["target" if is_regression else "label"])
    )


def _conflicts(rows: Rows, values: np.ndarray) -> tuple[np.ndarray, ...]:
    changes = (rows["sha256"][1:] != rows["sha256"][:-1]).any(axis=1)
    starts = np.flatnonzero(np.concatenate([[True], changes, [True]])) if len(rows) else np.zeros(1, int)
    several = np.flatnonzero(np.diff(starts) > 1)
    sets = (np.arange(starts[number], starts[number + 1]) for number in several)
    return tuple(members for members in sets if (values[members] != values[members[0]]).any())
