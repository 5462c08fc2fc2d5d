"""Folders of labelled images for tests: real handwritten digits, and files that are not what they seem."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from tests.preprocessing.made_images import jpeg_bytes, photo, png_bytes


def write_digits(root: Path, *, digits: tuple[int, ...] = (0, 1, 2), of_each: int = 40) -> Path:
    """`<root>/<digit>/<number>.png` with the first images of each digit."""
    data = load_digits()
    for digit in digits:
        folder = root / str(digit)
        folder.mkdir(parents=True, exist_ok=True)
        for number in np.flatnonzero(data.target == digit)[:of_each]:
            levels = np.rint(data.images[number] * (255 / 16)).astype(np.uint8)
            (folder / f"{number:04d}.png").write_bytes(png_bytes(levels))
    return root


def huge_png(side: int) -> bytes:
    """A valid PNG header of a square image; its pixels are left out, since nothing may get so far as to read them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def write_bad_files(folder: Path) -> dict[str, str]:
    """Puts one file of each bad kind into a class folder; returns `{file name: reason it must be put aside for}`."""
    jpeg = jpeg_bytes(photo(40, 40))
    (folder / "text.jpg").write_text("I am not a picture.\n")
    (folder / "truncated.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "huge.png").write_bytes(huge_png(20_000))
    (folder / "dangling.png").symlink_to(folder / "nowhere.png")
    return {
        "text.jpg": "unknown_format",
        "truncated.jpg": "truncated",
        "empty.png": "empty",
        "huge.png": "too_long_side",
        "dangling.png": "unreadable",
    }
