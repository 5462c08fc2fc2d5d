"""What the training split says about each channel of the preprocessed pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Dividing by less than one grey level would turn the noise of a nearly constant channel into signal.
MIN_STANDARD_DEVIATION = 1.0

# Pixel sums are carried as integers so that adding them up in any order gives the same result: a sum is quantised to
# 1/SUM_SCALE of a grey level for each image, a sum of squares to 1/SQUARE_SCALE. One image of 4096 x 4096 adds at most
# 2**24 * 255**2 * 4 = 2**42 to the squares, so int64 holds 2 million images of that size, or 6e8 of 224 x 224.
SUM_SCALE = 64
SQUARE_SCALE = 4


class ChannelStatistics(BaseModel):
    """Per-channel mean and standard deviation, in grey levels 0..255, of the resized and padded training images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: tuple[float, ...] = Field(description="Mean of each channel, 0..255.")
    std: tuple[float, ...] = Field(description="Population standard deviation of each channel, 0..127.5.")
    image_count: Annotated[int, Field(ge=1)] = Field(description="How many images were measured.")

    @model_validator(mode="after")
    def _same_channels(self) -> Self:
        if not self.mean or len(self.mean) != len(self.std):
            raise ValueError(f"mean has {len(self.mean)} channels and std has {len(self.std)}; they must match")
        if not all(math.isfinite(value) for value in (*self.mean, *self.std)) or min(self.std) < 0:
            raise ValueError(f"mean {self.mean} and std {self.std} must be finite, and std not negative")
        return self

    @property
    def channels(self) -> int:
        """How many channels were measured."""
        return len(self.mean)

    @property
    def divisors(self) -> tuple[float, ...]:
        """What `standardize` divides by: the standard deviation, at least `MIN_STANDARD_DEVIATION`."""
        return tuple(max(value, MIN_STANDARD_DEVIATION) for value in self.std)

    @classmethod
    def from_sums(
        cls, sums: Sequence[int], squares: Sequence[int], *, pixels_per_image: int, image_count: int
    ) -> ChannelStatistics:
        """Statistics from quantised totals over all images.

        Args:
            sums: for each channel, the total of the pixels times `SUM_SCALE`.
            squares: for each channel, the total of the squared pixels times `SQUARE_SCALE`.
            pixels_per_image: height times width of one preprocessed image.
            image_count: how many images went into the totals.

        Raises:
            ValueError: no image was measured.
        """
        if image_count < 1:
            raise ValueError("Channel statistics need at least one image in the training split; got none.")
        count = image_count * pixels_per_image
        mean = [total / SUM_SCALE / count for total in sums]
        variance = [
            max(total / SQUARE_SCALE / count - average * average, 0.0)
            for total, average in zip(squares, mean, strict=True)
        ]
        return cls(mean=tuple(mean), std=tuple(math.sqrt(value) for value in variance), image_count=image_count)
