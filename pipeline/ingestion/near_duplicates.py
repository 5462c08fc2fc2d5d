"""Pairs of images that look the same: alike in perceptual hash and in thumbnail."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from pipeline.ingestion.staging import Rows

# Mean difference of the thumbnails' grey levels. Saving again as JPEG at low quality changes them by about 1; two
# pictures whose hashes agree by chance differ by tens.
MAX_THUMBNAIL_DIFFERENCE = 6.0


def near_duplicates(rows: Rows, distance: int) -> np.ndarray:
    """Pairs of rows whose images look the same; `[P, 2]` row numbers.

    Not all pairs of a set of copies are there, but enough to connect them. Candidates agree exactly in one of
    `distance + 1` parts of the hash: of so many parts, `distance` differing bits leave one untouched.

    Args:
        rows: of images.
        distance: how many of the 64 bits of two hashes may differ.
    """
    usable = np.flatnonzero(rows["has_look"])
    # Copies that agree in everything hang on one of them; only that one is compared.
    _, first, same = np.unique(rows[["look", "thumbnail"]][usable], return_index=True, return_inverse=True)
    pairs = [np.stack([usable[first][same], usable], axis=1)]
    usable = usable[first]
    hashes = rows["look"][usable]
    width = 64 // (distance + 1)
    for part in range(distance + 1):
        shift = np.uint64(part * width)
        bits = 64 - part * width if part == distance else width
        keys = (hashes >> shift) & np.uint64((1 << bits) - 1)
        order = np.argsort(keys, kind="stable")
        pairs.extend(_pairs_in_buckets(rows, usable[order], keys[order], distance))
    return np.concatenate(pairs)


def _pairs_in_buckets(rows: Rows, members: np.ndarray, keys: np.ndarray, distance: int) -> list[np.ndarray]:
    bounds = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1], [True]])) if len(keys) else np.zeros(1, int)
    found = []
    for start, end in pairwise(bounds):
        for place in range(start, end - 1):
            one, others = members[place], members[place + 1 : end]
            close = np.bitwise_count(rows["look"][one] ^ rows["look"][others]) <= distance
            others = others[close]
            if not len(others):
                continue
            apart = np.abs(rows["thumbnail"][one].astype(np.int16) - rows["thumbnail"][others].astype(np.int16))
            others = others[apart.mean(axis=1) <= MAX_THUMBNAIL_DIFFERENCE]
            if len(others):
                found.append(np.stack([np.full(len(others), one), others], axis=1))
    return found
