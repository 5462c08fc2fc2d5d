"""`serving.drift`: over what time, and at what cost."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class DriftSettings(BaseModel):
    """Statistics of images and predictions over a window, compared with those stored with the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="Keep the statistics and show the drift metrics.")
    window_minutes: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="What is compared: the images of this long, in steps of a twelfth of it."
    )
    min_images: Annotated[int, Field(ge=1)] = Field(
        default=300,
        description="A feature is compared once the window has this many values (and the baseline 100); chance alone "
        "makes fewer differ.",
    )
    decode_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.02,
        description="Share of one CPU core that may be spent on decoding a sample of the images for brightness and "
        "colours; 0 decodes none.",
    )
