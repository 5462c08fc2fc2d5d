"""Which split each image ever went to, from run to run: an image never changes sides, also when it is away for a while.

With each image its group and its look are kept, so that what belongs together stays together, too, when only a part of
it is there: the new span of a patient whose older images are not read any more.

One file for each way of splitting. Shares, the group column and the comparison of looks are part of the way: who
changes them asks for another split, and gets one that is drawn anew.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any
from zipfile import BadZipFile

import numpy as np

from darkroom.errors import DataError
from pipeline.features import SPLITS
from pipeline.ingestion import storage
from pipeline.ingestion.staging import ROW, Rows, sha256_order

# What is kept of a row. Ledgers of earlier versions have the first alone.
_KEPT = ("sha256", "group", "look", "has_look", "thumbnail")


@dataclass(frozen=True, slots=True)
class Ledger:
    """The splits of images by their SHA-256.

    Attributes:
        rows: `[N]` of `pipeline.ingestion.staging.ROW`, one for each SHA-256, in rising order; of the fields `sha256`,
            `group`, `look`, `has_look` and `thumbnail` are set.
        splits: `[N]` index into `pipeline.features.SPLITS`, uint8.
    """

    rows: Rows
    splits: np.ndarray

    @classmethod
    def empty(cls) -> Ledger:
        """A ledger of no images."""
        return cls(np.zeros(0, ROW), np.zeros(0, np.uint8))

    @classmethod
    def read(cls, path: str) -> Ledger:
        """What `write` wrote; an empty ledger where there is no file.

        Raises:
            OSError: there is one, but it cannot be read.
            DataError: it is no ledger.
        """
        if not storage.exists(path):
            return cls.empty()
        try:
            with np.load(io.BytesIO(storage.read_bytes(path)), allow_pickle=False) as stored:
                splits = stored["split"]
                rows = np.zeros(len(splits), ROW)
                for name in _KEPT:
                    if name in stored or name == _KEPT[0]:
                        rows[name] = stored[name]
        except (ValueError, KeyError, EOFError, BadZipFile) as error:
            raise DataError(
                f"{path}: remembers which image is in which split, but is damaged. Put the splits.npz of the latest "
                "examples in its place, or remove it to draw the splits anew."
            ) from error
        return cls(rows, splits)

    def write(self, path: str) -> None:
        """Writes the ledger as .npz: `split` `[N]` uint8, and `[N]` of each field. Readers never see a part of it."""
        content = io.BytesIO()
        fields: dict[str, Any] = {name: self.rows[name] for name in _KEPT}
        np.savez_compressed(content, split=self.splits, **fields)
        storage.write_whole(path, content.getvalue())

    def look_up(self, hashes: np.ndarray) -> np.ndarray:
        """The splits of `[N, 32]` uint8 hashes, `[N]` index into `SPLITS`, -1 for those that are new."""
        places = self._places()
        found = (places.get(value.tobytes()) for value in hashes)
        return np.array([-1 if place is None else int(self.splits[place]) for place in found], np.int64)

    def without(self, hashes: np.ndarray) -> Ledger:
        """The ledger of the images that are not among `[N, 32]` uint8 hashes."""
        there = {value.tobytes() for value in hashes}
        away = np.array([value.tobytes() not in there for value in self.rows["sha256"]], bool)
        return Ledger(self.rows[away], self.splits[away])

    def with_new(self, rows: Rows, splits: np.ndarray) -> Ledger:
        """The ledger and the images in it that were new; those with a negative split are left out.

        Of the others the split stands, and group and look are those of now.
        """
        places = self._places()
        kept = np.zeros(len(rows), ROW)
        for name in _KEPT:
            kept[name] = rows[name]
        known = self.rows.copy()
        new: dict[bytes, tuple[Any, int]] = {}
        for row, split in zip(kept, splits, strict=True):
            key = row["sha256"].tobytes()
            if key in places:
                known[places[key]] = row
            elif split >= 0:
                new.setdefault(key, (row, int(split)))
        joined = np.concatenate([known, np.array([row for row, _ in new.values()], ROW)])
        decided = np.concatenate([self.splits, np.array([split for _, split in new.values()], np.uint8)])
        order = sha256_order(joined)
        return Ledger(joined[order], decided[order])

    def images_of(self, split: str) -> set[str]:
        """SHA-256 in hexadecimal of what went to a split."""
        return {value.tobytes().hex() for value in self.rows["sha256"][self.splits == SPLITS.index(split)]}

    def _places(self) -> dict[bytes, int]:
        return {value.tobytes(): place for place, value in enumerate(self.rows["sha256"])}


def ledger_path(folder: str, way: dict[str, object]) -> str:
    """Where the ledger of a way of splitting lies in the folder of ledgers."""
    canonical = json.dumps(way, sort_keys=True).encode()
    return f"{folder.rstrip('/')}/{hashlib.sha256(canonical).hexdigest()[:16]}.npz"
