"""The `export` section of `darkroom.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from darkroom.configuration.lite_section import LiteSection
from darkroom.configuration.section import Section

_Tolerance = Annotated[float, Field(ge=0)]


class ExportSection(Section):
    """In which form the trained network is served. A change (of `lite` excepted) trains anew: the Trainer exports."""

    freeze: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Turn variables into constants and fold batch norms into the layers before them: `auto` where that "
        "is faster on this machine, `always`, or `never`. Predictions must stay within `tolerance` in any case.",
    )
    precision: Literal["float32", "float16", "bfloat16"] = Field(
        default="float32",
        description="Of the served network's weights and layers, its outputs excepted. A half precision freezes, and "
        "predictions must stay within `half_tolerance`; float16 pays on GPUs, bfloat16 on CPUs that have it.",
    )
    tolerance: _Tolerance = Field(
        default=1e-5, description="Largest difference of a prediction in float32; for values beyond 1 relative to them."
    )
    half_tolerance: _Tolerance = Field(
        default=0.02, description="The same for float16 and bfloat16; the serving check allows as much."
    )
    lite: LiteSection | None = Field(
        default=None, description="A LiteRT file of the network for devices, beside the served model; null makes none."
    )
