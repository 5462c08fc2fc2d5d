"""The `export.lite` section of `darkroom.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from darkroom.configuration.section import Section


class LiteSection(Section):
    """A LiteRT (TensorFlow Lite) file for devices, and how much worse than the network it may be on the test split."""

    quantization: Literal["dynamic", "float16", "int8"] = Field(
        default="dynamic",
        description="`dynamic` stores weights in 8 bits, `float16` in half precision, `int8` also computes in 8 bits, "
        "calibrated on images of the train split.",
    )
    max_accuracy_drop: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.01, description="How far its accuracy may lie below the network's; beyond it the file is not pushed."
    )
    max_error_increase: Annotated[float, Field(ge=0)] = Field(
        default=0.05,
        description="Of a regression: by which share its mean absolute error may be above the network's.",
    )
