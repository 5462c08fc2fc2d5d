"""From the rows of all images to their splits, and to what is wrong between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.task import Task
from pipeline.ingestion.ledger import Ledger
from pipeline.ingestion.options import IngestionOptions
from pipeline.ingestion.splits import ASIDE, UNDECIDED, Images, assign, follow, strata_of_targets
from pipeline.ingestion.staging import Rows, sha256_order
from pipeline.ingestion.units import units_of


@dataclass(frozen=True, slots=True)
class Splitting:
    """Where each image goes.

    Attributes:
        splits: `[N]` index into `pipeline.features.SPLITS`; negative for images that no split may have.
        torn: numbers of these rows.
        units: `[N]` what lies in one split together, from 0.
        conflicts: numbers of the rows of each set of images with the same bytes and different labels or targets.
    """

    splits: np.ndarray
    torn: np.ndarray
    units: np.ndarray
    conflicts: tuple[np.ndarray, ...]


def split_rows(rows: Rows, options: IngestionOptions, ledger: Ledger) -> Splitting:
    """Decides for all images.

    Args:
        rows: sorted by SHA-256.
        options: the task, the shares, and what keeps images together.
        ledger: what earlier runs decided, also of images that are not among the rows. What the source itself decides
            comes first.
    """
    given = _held_out_once(rows)
    known = np.where(given == UNDECIDED, ledger.look_up(rows["sha256"]), given)
    units = _follow_those_away(rows, known, ledger.without(rows["sha256"]), options.near_duplicates)
    is_regression = options.task is Task.REGRESSION
    images = Images(
        strata=strata_of_targets(rows["target"]) if is_regression else rows["label"].astype(np.int64),
        units=units,
        known=known,
    )
    splits = assign(images, options.ratios.of(len(rows)))
    return Splitting(
        splits, np.flatnonzero(splits == ASIDE), units, _conflicts(rows, rows["target" if is_regression else "label"])
    )


def _held_out_once(rows: Rows) -> np.ndarray:
    """What the source decides, `[N]`; of the same bytes in several of its splits, only the last split has them."""
    given = rows["given"].astype(np.int64) - 1
    starts = _starts(rows)[:-1]
    last = np.repeat(np.maximum.reduceat(given, starts), np.diff(_starts(rows))) if len(rows) else given
    return np.where((given != UNDECIDED) & (given < last), ASIDE, given)


def _follow_those_away(rows: Rows, known: np.ndarray, away: Ledger, near_distance: int | None) -> np.ndarray:
    """The units of the rows; in `known`, new images that belong to some that are away get the split of these."""
    if not len(away.splits):
        return units_of(rows, near_distance)
    together = np.concatenate([rows, away.rows])
    order = sha256_order(together)
    units = np.empty(len(together), np.int32)
    units[order] = units_of(together[order], near_distance)
    splits = np.concatenate([known, away.splits.astype(np.int64)])
    follow(splits, units)
    known[:] = splits[: len(rows)]
    found: np.ndarray = np.unique(units[: len(rows)], return_inverse=True)[1].astype(np.int32)
    return found


def _conflicts(rows: Rows, values: np.ndarray) -> tuple[np.ndarray, ...]:
    starts = _starts(rows)
    several = np.flatnonzero(np.diff(starts) > 1)
    sets = (np.arange(starts[number], starts[number + 1]) for number in several)
    return tuple(members for members in sets if (values[members] != values[members[0]]).any())


def _starts(rows: Rows) -> np.ndarray:
    """Where the rows of each SHA-256 begin, and their number at the end."""
    if not len(rows):
        return np.zeros(1, int)
    changes = (rows["sha256"][1:] != rows["sha256"][:-1]).any(axis=1)
    return np.flatnonzero(np.concatenate([[True], changes, [True]]))
