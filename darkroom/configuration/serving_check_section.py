"""The `serving_check` section of `darkroom.yaml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.configuration.section import Section

_Limit = Annotated[float, Field(gt=0)]


class ServingCheckSection(Section):
    """What a blessed model must do in a model server before it is pushed. A limit that is null is not looked at."""

    enabled: bool = Field(default=True, description="Start a model server and ask it; false pushes without.")
    images: Annotated[int, Field(ge=1, le=256)] = Field(
        default=16, description="How many images of the test split it is asked about."
    )
    load_seconds: _Limit = Field(
        default=120.0, description="How long the model server may take from its start to the model's being available."
    )
    tolerance: Annotated[float, Field(ge=0)] = Field(
        default=1e-4,
        description="Largest difference between a served prediction and the trainer's; for values beyond 1 relative to "
        "them.",
    )
    max_p50_ms: _Limit | None = Field(default=None, description="Largest median latency of one image over gRPC.")
    max_p99_ms: _Limit | None = Field(default=None, description="Largest 99th percentile of it.")
    max_memory_mb: _Limit | None = Field(
        default=None, description="Largest memory of the model server's process, in megabytes (10^6 bytes)."
    )
