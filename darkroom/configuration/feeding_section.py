"""`training.feeding:` how examples come from the disk to the network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from darkroom.configuration.section import Section


class FeedingSection(Section):
    """Where preprocessed images are between two epochs."""

    mode: Literal["auto", "memory", "disk", "hybrid"] = Field(
        default="auto",
        description="`memory` preprocesses once and keeps the pixels, `disk` decodes anew in each epoch, `hybrid` "
        "keeps one stratified segment of the training split after the other, `auto` takes memory where both fit.",
    )
    memory_megabytes: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None,
        description="Most memory that a process takes for preprocessed pixels, of both splits together. Null: two "
        "fifths of the machine's or container's memory, shared out among the training's processes on it.",
    )
    segment_epochs: Annotated[int, Field(ge=1, le=100)] = Field(
        default=4, description="How often `hybrid` passes over a segment, augmented anew each time, before the next."
    )
    scratch_folder: str | None = Field(
        default=None,
        description="An absolute path on a local disk, where `hybrid` keeps segment files while it trains, as large "
        "as the encoded images. Null: in the system's folder for temporary files.",
    )
    shuffle_buffer: Annotated[int, Field(ge=1)] = Field(
        default=10_000, description="Encoded images that `disk` holds in memory to shuffle from."
    )

    @field_validator("scratch_folder")
    @classmethod
    def _is_absolute(cls, value: str | None) -> str | None:
        if value is not None and not Path(value).is_absolute():
            raise ValueError(f"must be an absolute path on a local disk, such as /var/tmp/darkroom; got {value!r}")
        return value
