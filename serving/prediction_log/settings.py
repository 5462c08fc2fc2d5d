"""`serving.prediction_log`: which answered requests are kept, and how much disk they may take."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class PredictionLogSettings(BaseModel):
    """Off until a folder is named: what is kept are the clients' images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str | None = Field(
        default=None,
        min_length=1,
        description="Folder for shards of TF Serving's PredictionLog, which hold the clients' images. Not given, "
        "nothing is kept. Relative to darkroom.yaml.",
    )
    sample_rate: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.01, description="Share of the answered requests that is kept, chosen at random."
    )
    below_confidence: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0,
        description="Requests with an image whose most probable class is below this are always kept, besides the "
        "random ones; 0 keeps none for this.",
    )
    compression: Literal["none", "gzip"] = Field(
        default="none", description="Of the shards. Most encoded images can't be compressed further."
    )
    shard_megabytes: Annotated[float, Field(gt=0, le=4096)] = Field(
        default=64.0, description="A shard that has reached this size (MiB) is finished and the next one begins."
    )
    shard_minutes: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="A shard that is this old is finished, so that its records can be read."
    )
    max_megabytes: Annotated[float, Field(gt=0)] = Field(
        default=1024.0, description="Disk that all shards may take (MiB); the oldest are deleted first."
    )
    keep_days: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Shards older than this are deleted; null keeps them until the disk is needed."
    )
    queue_megabytes: Annotated[float, Field(gt=0)] = Field(
        default=32.0,
        description="Requests (MiB) that may wait in memory to be written. What does not fit is dropped and counted: "
        "no request ever waits for this log.",
    )

    @model_validator(mode="after")
    def _one_shard_fits(self) -> Self:
        if self.shard_megabytes > self.max_megabytes:
            raise ValueError(
                f"shard_megabytes {self.shard_megabytes:g} is above max_megabytes {self.max_megabytes:g}: the disk "
                "must hold at least one shard"
            )
        return self
