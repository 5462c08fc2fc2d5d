"""`evaluation`: the gate, what a model must reach on the test split to be blessed."""

from __future__ import annotations

import difflib
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from darkroom.configuration.metrics_section import top_k
from darkroom.configuration.section import Section

CLASS_MEASURES = (
    "accuracy",
    "balanced_accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "precision_weighted",
    "recall_weighted",
    "f1_weighted",
    "log_loss",
    "roc_auc",
    "calibration_error",
)
BINARY_MEASURES = ("precision", "recall", "f1", "pr_auc", "brier", "cost_gain", "lift")
VALUE_MEASURES = ("explained_variance", "mae", "mse", "rmse", "rmsle", "mape", "r2")
MEASURES = (*CLASS_MEASURES, *BINARY_MEASURES, *VALUE_MEASURES)


def _measure_name(name: str) -> str:
    if name in MEASURES or top_k(name) is not None:
        return name
    near = difflib.get_close_matches(name, MEASURES, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(MEASURES)} and top_k_accuracy for any k"
    raise ValueError(f"there is no measure {name!r}; {hint}")


MeasureName = Annotated[str, AfterValidator(_measure_name)]

# Of the images in a slice: their class, their size, their brightness, where they come from, or a column of the listing.
CLASS_SLICE = "class"
SIZE_SLICE = "size"
BRIGHTNESS_SLICE = "brightness"
SOURCE_SLICE = "source"


class RuleSection(Section):
    """One thing that a model must fulfil."""

    metric: MeasureName = Field(description="What is measured; docs/evaluation.md lists the names.")
    min: float | None = Field(default=None, description="The least that passes.")
    max: float | None = Field(default=None, description="The most that passes.")
    max_worsening: Annotated[float, Field(ge=0)] | None = Field(
        default=None,
        description="By how much, in the metric's own unit, it may be worse than the latest blessed model's on the "
        "same test images: lower, or for errors and losses higher.",
    )
    slice: str | None = Field(
        default=None,
        description="Judge each part of the test split by itself: `class`, `size`, `brightness`, `source` or a "
        "column of the listing. Null judges the whole.",
    )
    values: tuple[str, ...] | None = Field(default=None, description="Only these parts of the slice; null: all.")
    min_images: Annotated[int, Field(ge=1)] = Field(
        default=20, description="Parts with fewer images are reported, but not judged: they would tell chance."
    )

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.min is None and self.max is None and self.max_worsening is None:
            raise ValueError(f"the rule about {self.metric} asks for nothing; give min, max or max_worsening")
        if self.values is not None and self.slice is None:
            raise ValueError(f"the rule about {self.metric} names values but no slice that has them")
        return self


class EvaluationSection(Section):
    """The gate: what a model must reach on the test split to be blessed."""

    min_accuracy: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5, description="Lowest accuracy on the test split; a regression has none."
    )
    max_accuracy_drop: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=0.01,
        description="How far accuracy may fall below that of the latest blessed model, measured on the same test "
        "split; null switches the comparison off.",
    )
    max_r2_drop: Annotated[float, Field(ge=0)] | None = Field(
        default=0.01, description="The same for the R² of a regression."
    )
    beat_trivial: MeasureName | None = Field(
        default="accuracy",
        description="By which metric a model must be better than always answering the commonest class or the mean "
        "target of the training split (a regression: `rmse` where nothing is given). Where one class is very common "
        "`balanced_accuracy` or `f1_macro` tells more. Null does not ask.",
    )
    rules: tuple[RuleSection, ...] = Field(default=(), description="Further rules.")
    significance_level: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        default=0.05,
        description="A change against the baseline counts as noise when a difference as large comes by chance more "
        "often than this: McNemar's test for accuracy, a paired bootstrap for the rest.",
    )
    drops_must_be_significant: bool = Field(
        default=False,
        description="Let a fall beyond its limit pass while it may be noise. It is reported either way; mind that many "
        "small falls in a row add up unseen.",
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(default=0.95, description="Of the confidence intervals.")
    resamples: Annotated[int, Field(ge=0)] = Field(
        default=200, description="Bootstrap resamples for the intervals; 0 leaves them out."
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(default=0, description="Of the resamples.")
    size_edges: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(64, 128, 256, 512, 1024, 2048),
        description="Where one slice of image sizes ends and the next begins: the root of the number of pixels.",
    )
    brightness_edges: tuple[Annotated[float, Field(gt=0, lt=255)], ...] = Field(
        default=(51, 102, 153, 204), description="The same for slices of mean brightness, 0 to 255."
    )
    max_images: Annotated[int, Field(ge=100)] = Field(
        default=200_000,
        description="Of a larger test split a sample of so many images, chosen by content, is looked at for intervals, "
        "slices, curves and comparisons.",
    )

    @model_validator(mode="after")
    def _edges_rise(self) -> Self:
        for name in ("size_edges", "brightness_edges"):
            edges = getattr(self, name)
            if list(edges) != sorted(set(edges)):
                raise ValueError(f"{name} must rise, got {', '.join(map(str, edges))}")
        return self
