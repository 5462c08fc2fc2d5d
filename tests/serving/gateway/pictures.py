"""Images to send."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def picture(color: tuple[int, int, int] = (250, 5, 5), kind: str = "PNG", size: tuple[int, int] = (20, 10)) -> bytes:
    """One colour: red is a cat to the test model, green a dog."""
    data = io.BytesIO()
    Image.new("RGB", size, color).save(data, kind)
    return data.getvalue()


RED = picture()
GREEN = picture((5, 250, 5))


def noisy_jpeg(width: int = 200, height: int = 150) -> bytes:
    data = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(data, "JPEG", quality=80)
    return data.getvalue()


def bomb(side: int = 20_000) -> bytes:
    """A PNG whose header claims side x side pixels and which has next to no data."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
