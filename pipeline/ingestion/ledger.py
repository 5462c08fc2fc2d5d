"""Which split each image ever went to, from run to run: an image never changes sides, also when it is away for a while.

One file for each way of splitting. Shares, the group column and the comparison of looks are part of the way: who
changes them asks for another split, and gets one that is drawn anew.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from zipfile import BadZipFile

import numpy as np

from darkroom.errors import DataError
from pipeline.features import SPLITS
from pipeline.ingestion import storage


@dataclass(frozen=True, slots=True)
class Ledger:
    """The splits of images by their SHA-256.

    Attributes:
        hashes: `[N]` SHA-256 as 32 bytes each, dtype V32, in rising order.
        splits: `[N]` index into `pipeline.features.SPLITS`, uint8.
    """

    hashes: np.ndarray
    splits: np.ndarray

    @classmethod
    def empty(cls) -> Ledger:
        """A ledger of no images."""
        return cls(np.zeros(0, "V32"), np.zeros(0, np.uint8))

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
                hashes, splits = stored["sha256"], stored["split"]
        except (ValueError, KeyError, EOFError, BadZipFile) as error:
            raise DataError(
                f"{path}: remembers which image is in which split, but is damaged. Put the splits.npz of the latest "
                "examples in its place, or remove it to draw the splits anew."
            ) from error
        return cls(np.ascontiguousarray(hashes).view("V32").ravel(), splits)

    def write(self, path: str) -> None:
        """Writes the ledger as .npz: `sha256` `[N, 32]` uint8, `split` `[N]` uint8. Readers never see a part of it."""
        content = io.BytesIO()
        np.savez_compressed(content, sha256=self.hashes.view(np.uint8).reshape(-1, 32), split=self.splits)
        storage.write_whole(path, content.getvalue())

    def look_up(self, hashes: np.ndarray) -> np.ndarray:
        """The splits of `[N, 32]` uint8 hashes, `[N]` index into `SPLITS`, -1 for those that are new."""
        known = {value.tobytes(): int(split) for value, split in zip(self.hashes, self.splits, strict=True)}
        return np.array([known.get(value.tobytes(), -1) for value in hashes], np.int64)

    def with_new(self, hashes: np.ndarray, splits: np.ndarray) -> Ledger:
        """The ledger and the images in it that were new; those with a negative split are left out."""
        known = {value.tobytes(): int(split) for value, split in zip(self.hashes, self.splits, strict=True)}
        for value, split in zip(hashes, splits, strict=True):
            if split >= 0:
                known.setdefault(value.tobytes(), int(split))
        ordered = sorted(known)
        joined = np.frombuffer(b"".join(ordered), "V32") if ordered else np.zeros(0, "V32")
        return Ledger(joined, np.array([known[value] for value in ordered], np.uint8))

    def images_of(self, split: str) -> set[str]:
        """SHA-256 in hexadecimal of what went to a split."""
        return {value.tobytes().hex() for value in self.hashes[self.splits == SPLITS.index(split)]}


def ledger_path(folder: str, way: dict[str, object]) -> str:
    """Where the ledger of a way of splitting lies in the folder of ledgers."""
    canonical = json.dumps(way, sort_keys=True).encode()
    return f"{folder.rstrip('/')}/{hashlib.sha256(canonical).hexdigest()[:16]}.npz"
