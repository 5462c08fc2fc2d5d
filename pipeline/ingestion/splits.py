"""Which split an image belongs to.

What earlier runs decided stands. New images fill up each class's share of each split, exactly as far as whole images
go; among them the content decides, not the name or the order of reading: those with the lowest SHA-256 test, the next
evaluate, the rest train. Images that belong together go together. Plain arrays, without Beam or TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.features import EVAL_SPLIT, SPLITS, TEST_SPLIT, TRAIN_SPLIT

# A class needs this many distinct images before some are held out: one to train on, one to watch, one to judge by.
MIN_IMAGES_TO_HOLD_OUT = 3

# A regression's targets are cut into at most this many strata of equal size, of at least so many images.
_MAX_STRATA = 10
_MIN_STRATUM = 20

_TRAIN, _EVAL, _TEST = (SPLITS.index(name) for name in (TRAIN_SPLIT, EVAL_SPLIT, TEST_SPLIT))
# Who takes first: the held-out splits have the smaller shares, and an image that is missed there is missed more.
_ORDER = (_TEST, _EVAL, _TRAIN)
UNDECIDED = -1
ASIDE = -2


@dataclass(frozen=True, slots=True)
class Images:
    """What decides, by image, in the order of their SHA-256.

    Attributes:
        strata: `[N]` class ids, or the strata of targets; from 0.
        units: `[N]` what belongs together, from 0.
        known: `[N]` index into `SPLITS` where an earlier run decided, `ASIDE` where it belongs to images of different
            splits, else `UNDECIDED`.
    """

    strata: np.ndarray
    units: np.ndarray
    known: np.ndarray


def strata_of_targets(targets: np.ndarray) -> np.ndarray:
    """Strata of equal size by rank, `[N]`: low targets in the first, high ones in the last."""
    count = max(1, min(_MAX_STRATA, len(targets) // _MIN_STRATUM))
    ranks = np.empty(len(targets), np.int64)
    ranks[np.argsort(targets, kind="stable")] = np.arange(len(targets))
    return ranks * count // max(len(targets), 1)


def assign(images: Images, shares: tuple[float, float]) -> np.ndarray:
    """The split of each image, `[N]` index into `SPLITS`.

    Args:
        images: all of them.
        shares: of eval and test.

    Returns:
        `ASIDE` for new images that connect images of different splits: wherever they went, they would be in two.
    """
    splits = images.known.copy()
    if not len(splits):
        return splits
    follow(splits, images.units)
    wanted = np.zeros(len(SPLITS))
    wanted[_EVAL], wanted[_TEST] = shares
    wanted[_TRAIN] = 1 - sum(shares)
    n_strata = int(images.strata.max()) + 1
    sizes = np.bincount(images.strata[splits != ASIDE], minlength=n_strata)
    counts = np.zeros((n_strata, len(SPLITS)), np.int64)
    decided = splits >= 0
    np.add.at(counts, (images.strata[decided], splits[decided]), 1)
    _place_sets(splits, images, counts, sizes[:, np.newaxis] * wanted)
    for stratum in range(n_strata):
        singles = np.flatnonzero((images.strata == stratum) & (splits == UNDECIDED))
        quota = _quota(counts[stratum], int(sizes[stratum]), wanted) - counts[stratum]
        splits[singles] = np.repeat(_ORDER, quota[list(_ORDER)])
    _fill_empty(splits, images)
    return splits


def follow(splits: np.ndarray, units: np.ndarray) -> None:
    """New images go where their unit is already, or aside where it is in two splits.

    Args:
        splits: `[N]` index into `SPLITS`, or `UNDECIDED` for new images, which get theirs here.
        units: `[N]` what belongs together, from 0.
    """
    first = np.full(units.max() + 1, UNDECIDED)
    torn = np.zeros(units.max() + 1, bool)
    for split in range(len(SPLITS)):
        here = units[splits == split]
        torn[here] |= (first[here] != UNDECIDED) & (first[here] != split)
        first[here] = split
    new = splits == UNDECIDED
    splits[new] = np.where(torn[units[new]], ASIDE, first[units[new]])


def _place_sets(splits: np.ndarray, images: Images, counts: np.ndarray, targets: np.ndarray) -> None:
    """Units of several images, the largest first, each where it leaves the counts nearest to their targets."""
    undecided = np.flatnonzero(splits == UNDECIDED)
    order = undecided[np.argsort(images.units[undecided], kind="stable")]
    found = images.units[order]
    bounds = np.flatnonzero(np.concatenate([[True], found[1:] != found[:-1], [True]]))
    sets = [order[start:end] for start, end in pairwise(bounds) if end - start > 1]
    # Rows come in the order of SHA-256, so the first member decides between sets of one size.
    for members in sorted(sets, key=lambda members: (-len(members), members[0])):
        amount = np.bincount(images.strata[members], minlength=len(counts))
        rows = np.flatnonzero(amount)
        after = counts[rows] - targets[rows]
        # Growth of the squared distance, but for a term that all splits share.
        cost = (2 * amount[rows, np.newaxis] * after).sum(axis=0)
        best = min(_ORDER, key=lambda split: cost[split])
        splits[members] = best
        counts[rows, best] += amount[rows]


def _quota(counts: np.ndarray, size: int, wanted: np.ndarray) -> np.ndarray:
    """How many images of a stratum each split ends with: the whole numbers nearest to the shares, none below `counts`.

    From `MIN_IMAGES_TO_HOLD_OUT` images on every split gets one; with fewer all of the new ones train.
    """
    quota = counts.copy()
    free = size - int(quota.sum())
    if size < MIN_IMAGES_TO_HOLD_OUT:
        quota[_TRAIN] += free
        return quota
    for split in (_TRAIN, _TEST, _EVAL):
        if free and not quota[split]:
            quota[split] += 1
            free -= 1
    ideal = _ideal(quota, size, wanted)
    whole = np.maximum(np.floor(ideal).astype(np.int64), quota)
    if whole.sum() - quota.sum() <= free:
        free -= int(whole.sum() - quota.sum())
        quota = whole
    for _ in range(free):
        quota[max(_ORDER, key=lambda split: ideal[split] - quota[split])] += 1
    return quota


def _ideal(counts: np.ndarray, size: int, wanted: np.ndarray) -> np.ndarray:
    """The shares of a stratum in images; where a split has more than its share, the others share what is left."""
    full = np.zeros(len(SPLITS), bool)
    while True:
        ideal = np.where(full, counts, (size - counts[full].sum()) * wanted / wanted[~full].sum())
        over = ~full & (counts > ideal)
        if not over.any() or (full | over).all():
            return ideal
        full |= over


def _fill_empty(splits: np.ndarray, images: Images) -> None:
    """A split without any image takes the smallest new unit that another can spare, as a set of large groups needs."""
    for split in _ORDER:
        if (splits == split).any():
            continue
        movable = (images.known == UNDECIDED) & (splits >= 0)
        units, sizes = np.unique(images.units[splits >= 0], return_counts=True)
        homes = {unit: splits[images.units == unit][0] for unit in units}
        held = np.bincount(list(homes.values()), minlength=len(SPLITS))
        candidates = [
            (int(size), int(unit))
            for unit, size in zip(units, sizes, strict=True)
            if held[homes[unit]] > 1 and movable[images.units == unit].all()
        ]
        if candidates:
            splits[images.units == min(candidates)[1]] = split
