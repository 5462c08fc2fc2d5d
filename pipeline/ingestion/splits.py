"""Which split an image belongs to: a function of its content, not of its name or of the order of reading.

Plain functions, without Beam or TensorFlow; `pipeline.ingestion.class_tally` runs them over a collection.
"""

from __future__ import annotations

from collections.abc import Iterable

from darkroom.configuration.split_ratios import SplitRatios
from pipeline.features import EVAL_SPLIT, SPLITS, TEST_SPLIT, TRAIN_SPLIT

# A class needs this many distinct images before some are held out: one to train on, one to watch, one to judge by.
MIN_IMAGES_TO_HOLD_OUT = 3

_HASH_SPACE = 2.0**64


def position(sha256: str) -> float:
    """An image's place in [0, 1): the first 64 bits of the SHA-256 of its bytes."""
    return int(sha256[:16], 16) / _HASH_SPACE


def split_by_position(place: float, ratios: SplitRatios) -> str:
    """The split of a place: test below `ratios.test`, eval in the stretch above it, train in the rest."""
    if place < ratios.test:
        return TEST_SPLIT
    return EVAL_SPLIT if place < ratios.test + ratios.eval else TRAIN_SPLIT


# Three witnesses of each split tell "none", "one", "two" and "enough" apart; that is all the corrections ask, so a
# tally stays small however many images a class has.
_WITNESSES = 3

# The lowest few distinct SHA-256 values of one class in each split.
Tally = dict[str, set[str]]


def trim(tally: Tally) -> Tally:
    """A tally without what the corrections do not need."""
    return {split: set(sorted(hashes)[:_WITNESSES]) for split, hashes in tally.items()}


def corrections(tally: Tally) -> dict[str, str]:
    """Moves that give each split an image of the class, as far as there are enough.

    By chance the hashes of a small class can all fall into one split. With fewer than `MIN_IMAGES_TO_HOLD_OUT`
    distinct images all of them train. Otherwise an empty split takes the nearest image that its own split can spare:
    test the lowest, train the highest, eval the lowest that is left.
    """
    home = {sha: split for split in SPLITS for sha in tally[split]}
    ascending = sorted(home)
    if len(ascending) < MIN_IMAGES_TO_HOLD_OUT:
        return dict.fromkeys(ascending, TRAIN_SPLIT)
    sizes = {split: len(tally[split]) for split in SPLITS}
    moves: dict[str, str] = {}
    for target, candidates in ((TEST_SPLIT, ascending), (TRAIN_SPLIT, ascending[::-1]), (EVAL_SPLIT, ascending)):
        if sizes[target]:
            continue
        spare = next(sha for sha in candidates if sha not in moves and sizes[home[sha]] > 1)
        moves[spare] = target
        sizes[home[spare]] -= 1
        sizes[target] += 1
    return moves


def merge_corrections(corrections_of_classes: Iterable[dict[str, str]]) -> dict[str, str]:
    """One table for all classes. The same bytes under two labels must not land in two splits: the earlier split in
    the order train, eval, test wins, so that nothing trained on can judge."""
    merged: dict[str, str] = {}
    for moves in corrections_of_classes:
        for sha, split in moves.items():
            if sha not in merged or SPLITS.index(split) < SPLITS.index(merged[sha]):
                merged[sha] = split
    return merged


def assign(sha256: str, ratios: SplitRatios, moved: dict[str, str]) -> str:
    """The split of an image: where it was moved to, or where its place says."""
    return moved.get(sha256) or split_by_position(position(sha256), ratios)
