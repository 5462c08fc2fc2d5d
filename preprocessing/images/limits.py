"""Bounds on what one image may cost."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from preprocessing.images.header import ImageFormat


class ImageLimits(BaseModel):
    """Checked against an image's header, before anything is decoded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: Annotated[int, Field(ge=1)] = Field(
        default=32 * 1024 * 1024, description="Largest encoded size, in bytes."
    )
    # 64 million pixels admit a phone's 50-megapixel picture and its 16,382-pixel panorama; decoded they take 192 MB.
    max_pixels: Annotated[int, Field(ge=1, le=2**28)] = Field(
        default=64_000_000, description="Largest width times height."
    )
    max_side: Annotated[int, Field(ge=1, le=65_535)] = Field(
        default=16_384, description="Longest width or height, in pixels."
    )
    min_side: Annotated[int, Field(ge=1)] = Field(default=1, description="Shortest width or height, in pixels.")
    max_frames: Annotated[int, Field(ge=1)] = Field(
        default=512, description="Most frames of an animation, of which the first is used."
    )
    # Encoders write about ten scans; each one costs a pass over the whole image.
    max_scans: Annotated[int, Field(ge=1)] = Field(default=64, description="Most scans of a progressive JPEG.")
    formats: tuple[ImageFormat, ...] = Field(default=tuple(ImageFormat), description="Image formats that are accepted.")

    @model_validator(mode="after")
    def _sides_make_sense(self) -> Self:
        if self.min_side > self.max_side:
            raise ValueError(f"min_side {self.min_side} is above max_side {self.max_side}")
        return self
