"""Brightness and channel means of one image, for statistics.

The same function measures the training's images and the served ones. It is exact enough to compare populations, and
cheap: a large JPEG is decoded at an eighth of its size, which are about its blocks' means.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from preprocessing.images.header import ImageFormat, ImageHeader

# A JPEG's eighth is small whatever its size; other formats are decoded whole, and up to this size that takes some tens
# of milliseconds and 16 MB.
MAX_PIXELS = 4_000_000
_JPEG_SCALE = 8
# Below this many pixels to a side, the blocks at the edge, which are padded, would count for too much.
_MIN_SIDE = 64
# ITU-R BT.601, the luma of JPEG and of PIL's "L".
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class PixelFacts:
    """Means over an image's pixels, 0..255, in RGB; transparency is not looked at."""

    red: float
    green: float
    blue: float

    @property
    def brightness(self) -> float:
        """The mean luma, 0..255."""
        return self.red * _LUMA[0] + self.green * _LUMA[1] + self.blue * _LUMA[2]


def measure_pixels(image_bytes: bytes, header: ImageHeader) -> PixelFacts | None:
    """The facts of an image that `inspect_image` accepted.

    Takes milliseconds, in C with the interpreter lock released for the most part.

    Returns:
        None for an image that is too large to measure, or that can't be decoded: statistics do without it.
    """
    import numpy as np  # noqa: PLC0415 - a process that measures nothing does without
    from PIL import Image, ImageStat  # noqa: PLC0415 - the same

    if header.format is not ImageFormat.JPEG and header.width * header.height > MAX_PIXELS:
        return None
    try:
        with Image.open(io.BytesIO(image_bytes), formats=(header.format.name,)) as image:
            if header.format is ImageFormat.JPEG:
                width, height = (max(side // _JPEG_SCALE, min(side, _MIN_SIDE)) for side in image.size)
                image.draft(None, (width, height))
            if image.mode.startswith("I"):
                # 16-bit grey, whose conversion to RGB would cut off everything above 255.
                grey = float(np.asarray(image).mean()) / 257
                return PixelFacts(grey, grey, grey)
            red, green, blue = ImageStat.Stat(image.convert("RGB")).mean
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, Image.DecompressionBombError):
        return None
    return PixelFacts(red, green, blue)
