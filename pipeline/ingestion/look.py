"""How an image looks, small enough to keep for every image: brightness, contrast, a perceptual hash, a thumbnail."""

from __future__ import annotations

from dataclasses import dataclass

import imagehash
import numpy as np
from PIL import Image

from pipeline.ingestion.staging import THUMBNAIL_SIDE

# What imagehash.phash scales an image to before its cosine transform (its defaults: 8 times 4).
SIDE = 32
# Grey levels. With less contrast than this, the hash is that of noise or of nothing.
_MIN_CONTRAST = 2.0


@dataclass(frozen=True, slots=True)
class Look:
    """What is kept of an image.

    Attributes:
        brightness: mean grey level, 0..255.
        contrast: standard deviation of the grey levels of the image at `SIDE` x `SIDE`.
        perceptual_hash: 64 bits (imagehash's pHash); None for what is one flat surface.
        thumbnail: `[THUMBNAIL_SIDE ** 2]` uint8 grey levels.
    """

    brightness: float
    contrast: float
    perceptual_hash: int | None
    thumbnail: np.ndarray

    @classmethod
    def of(cls, grey: np.ndarray) -> Look:
        """The look of an image's grey levels, scaled by area to `[SIDE, SIDE]` float32 on 0..255."""
        contrast = float(grey.std())
        cells = SIDE // THUMBNAIL_SIDE
        small = grey.reshape(THUMBNAIL_SIDE, cells, THUMBNAIL_SIDE, cells).mean(axis=(1, 3))
        found = None
        if contrast >= _MIN_CONTRAST:
            levels = Image.fromarray(np.rint(grey).clip(0, 255).astype(np.uint8))
            found = int(str(imagehash.phash(levels)), 16)
        return cls(float(grey.mean()), contrast, found, np.rint(small).clip(0, 255).astype(np.uint8).ravel())
