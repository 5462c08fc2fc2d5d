"""Checked images on their way to a split: in files that workers append to, found again by a table of fixed-size rows.

Which split an image belongs to is known only when all have been seen. Until then their examples lie on disk rather than
in the memory of a shuffle, so that ingestion takes as much memory for a million images as for a thousand.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable
from typing import Any

import numpy as np

from pipeline.ingestion import storage

THUMBNAIL_SIDE = 8

# One staged image. `file` counts the staged files in the order in which they were read back.
ROW = np.dtype(
    [
        ("sha256", "u1", (32,)),
        # Of the image's name: tells duplicates apart, and puts them into an order.
        ("name", "<u8"),
        # Of the text in the group column; 0 without one.
        ("group", "<u8"),
        # 64-bit perceptual hash; see `has_look`.
        ("look", "<u8"),
        # Whether `look` says something: one flat surface looks like another.
        ("has_look", "?"),
        # Grey, THUMBNAIL_SIDE squared.
        ("thumbnail", "u1", (THUMBNAIL_SIDE * THUMBNAIL_SIDE,)),
        # 1 + the index in `pipeline.features.SPLITS` where the source itself puts it, else 0.
        ("given", "u1"),
        # Class id, or -1 for a regression.
        ("label", "<i4"),
        ("target", "<f4"),
        ("file", "<u4"),
        ("offset", "<u8"),
        ("length", "<u4"),
    ]
)

Rows = np.ndarray[Any, np.dtype[Any]]


def key_of(text: str) -> int:
    """64 bits that stand for a text; 0 for none."""
    if not text:
        return 0
    digest = hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


class StagingFile:
    """What one worker stages in one go.

    Attributes:
        stem: where the files lie; readers are given it.
    """

    def __init__(self, folder: str) -> None:
        # A bundle that runs twice must not write twice into one file: only the one that ended is known by its name.
        self.stem = f"{folder}/{uuid.uuid4().hex}"
        self._data = storage.open_to_write(f"{self.stem}.data")
        self._rows = storage.open_to_write(f"{self.stem}.rows")
        self._offset = 0

    def append(self, record: bytes, **fields: Any) -> None:
        """Adds a record with the fields of its row."""
        row = np.zeros((), ROW)
        for name, value in fields.items():
            row[name] = value
        row["offset"], row["length"] = self._offset, len(record)
        self._data.write(record)
        self._rows.write(row.tobytes())
        self._offset += len(record)

    def close(self) -> None:
        """Ends both files."""
        self._data.close()
        self._rows.close()


def read_rows(stems: Iterable[str]) -> Rows:
    """The rows of staged files, `[N]` of `ROW`, in an order that the content decides: by SHA-256, then by name."""
    parts = []
    for number, stem in enumerate(stems):
        part = np.frombuffer(storage.read_bytes(f"{stem}.rows"), ROW).copy()
        part["file"] = number
        parts.append(part)
    rows = np.concatenate(parts) if parts else np.zeros(0, ROW)
    return rows[sha256_order(rows)]


def sha256_order(rows: Rows) -> np.ndarray:
    """The numbers of the rows by SHA-256, then by name, `[N]`."""
    words = rows["sha256"].copy().view(">u8").reshape(-1, 4)
    return np.lexsort((rows["name"], words[:, 3], words[:, 2], words[:, 1], words[:, 0]))


class StagedRecords:
    """Records of staged files by their place; keeps the files open until it is closed."""

    def __init__(self, stems: tuple[str, ...]) -> None:
        self._stems = stems
        self._open: dict[int, Any] = {}

    def of(self, row: Any) -> bytes:
        """The record of a row, or of what else has `file`, `offset` and `length`."""
        file, offset, length = int(row["file"]), int(row["offset"]), int(row["length"])
        if file not in self._open:
            self._open[file] = storage.open_to_read(f"{self._stems[file]}.data")
        handle = self._open[file]
        handle.seek(offset)
        record: bytes = handle.read(length)
        if len(record) != length:
            raise OSError(f"{os.path.basename(self._stems[file])}.data ends before its record at {offset}")
        return record

    def close(self) -> None:
        """Closes what was opened."""
        for handle in self._open.values():
            handle.close()
        self._open.clear()
