"""Images that must lie in one split together: the same bytes, the same group, or the same look."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from pipeline.ingestion.near_duplicates import near_duplicates
from pipeline.ingestion.staging import Rows


def units_of(rows: Rows, near_distance: int | None) -> np.ndarray:
    """The unit of each row, `[N]` int32; what is connected by any chain of pairs is one unit.

    Args:
        rows: sorted by SHA-256.
        near_distance: how many bits of perceptual hashes may differ; None compares no looks.
    """
    if not len(rows):
        return np.zeros(0, np.int32)
    pairs = [_neighbours(np.arange(len(rows)), (rows["sha256"][1:] == rows["sha256"][:-1]).all(axis=1))]
    grouped = np.flatnonzero(rows["group"])
    grouped = grouped[np.argsort(rows["group"][grouped], kind="stable")]
    groups = rows["group"][grouped]
    pairs.append(_neighbours(grouped, groups[1:] == groups[:-1]))
    if near_distance is not None:
        pairs.append(near_duplicates(rows, near_distance))
    ends = np.concatenate(pairs)
    graph = coo_matrix((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(len(rows), len(rows)))
    units: np.ndarray = connected_components(graph, directed=False)[1]
    return units


def _neighbours(order: np.ndarray, same_as_next: np.ndarray) -> np.ndarray:
    return np.stack([order[:-1][same_as_next], order[1:][same_as_next]], axis=1)
