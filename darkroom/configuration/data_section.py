"""`data`: where the labelled images are, and which of them are used."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from darkroom.configuration.listing_section import ListingSection
from darkroom.configuration.section import Section
from darkroom.configuration.split_ratios import SplitRatios
from darkroom.task import Task
from preprocessing.images import ImageLimits


class DataSection(Section):
    """Where the labelled images are, and which of them are used."""

    images: str = Field(
        default="images",
        description="A folder with one folder of images for each class. Relative to darkroom.yaml, or absolute, or "
        "anything TensorFlow's file system opens (`gs://`, `s3://` where its plug-in is installed).",
    )
    listing: ListingSection | None = Field(
        default=None, description="Instead of `images`: a table that names the images and their labels or targets."
    )
    task: Task = Field(
        default=Task.MULTICLASS,
        description="What is predicted: `multiclass` (one of several classes), `binary` (one of two, of which "
        "`positive` is the one to be found) or `regression` (a number).",
    )
    positive: str | None = Field(
        default=None,
        description="Binary only: the class that is looked for. It gets id 1; probabilities, precision, recall, ROC "
        "curves and costs are about it.",
    )
    classes: tuple[str, ...] | None = Field(
        default=None,
        description="Class names in the order of their ids; a binary task's positive one comes last in any case. "
        "Without it, those that are found, in alphabetical order. A folder that is not listed is an error, so that a "
        "new class never slips in unseen; a listing's row with another label is put aside.",
    )
    splits: SplitRatios = Field(default_factory=SplitRatios, description="Shares of the images that are held out.")
    group: str | None = Field(
        default=None,
        description="A listing's column in which images that stay in one split have the same text: a patient, a "
        "product. An image without text there stands for itself.",
    )
    near_duplicates: Annotated[int, Field(ge=0, le=8)] | None = Field(
        default=4,
        description="How many of the 64 bits of two perceptual hashes may differ for images to stay in one split, if "
        "their thumbnails are alike, too; null compares bytes only.",
    )
    max_quarantined: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.01,
        description="Largest share of images that may be put aside; above it the run ends with the reasons.",
    )
    limits: ImageLimits = Field(
        default_factory=ImageLimits, description="Images beyond these are put aside and named in the summary."
    )

    @model_validator(mode="after")
    def _classes_are_distinct(self) -> Self:
        if self.classes is not None:
            if len(set(self.classes)) != len(self.classes):
                twice = sorted({name for name in self.classes if self.classes.count(name) > 1})
                raise ValueError(f"classes lists {', '.join(twice)} more than once")
            if len(self.classes) < 2:
                raise ValueError("classes needs at least two names")
        return self

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        if self.task is not Task.BINARY and self.positive is not None:
            raise ValueError(f"positive is for task: binary, but task is {self.task}")
        if self.task is Task.REGRESSION:
            if self.classes is not None:
                raise ValueError("a regression has no classes; leave classes out, or set task: multiclass")
            return self
        if self.task is Task.BINARY:
            if self.positive is None:
                raise ValueError("task: binary needs positive, the name of the class that is looked for")
            if self.classes is not None and (len(self.classes) != 2 or self.positive not in self.classes):
                raise ValueError(
                    f"task: binary needs classes to be two names with {self.positive!r} among them, got "
                    f"{', '.join(map(repr, self.classes))}"
                )
        return self

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if self.listing is not None and "images" in self.model_fields_set:
            raise ValueError("images and listing are both given, but data comes from one source; leave one of them out")
        if self.group is not None and self.listing is None:
            raise ValueError("group is a listing's column, but there is no listing; folders have no columns")
        return self
