"""`data`: where the labelled images are, and which of them are used."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from darkroom.configuration.arrays_section import ArrayPair
from darkroom.configuration.listing_section import ListingSection
from darkroom.configuration.samples_section import SamplesSection
from darkroom.configuration.section import Section
from darkroom.configuration.span_section import SpanChoice, check_span_pattern, has_span
from darkroom.configuration.split_ratios import SplitRatios
from darkroom.configuration.tfrecords_section import TfRecordsSection
from darkroom.configuration.validation_section import ValidationSection
from darkroom.task import Task
from preprocessing.images import ImageLimits

# Class folders are what is meant when nothing is given.
_SOURCES = ("images", "listing", "tfrecords", "arrays", "samples")


class DataSection(Section):
    """Where the labelled images are, and which of them are used."""

    images: str = Field(
        default="images",
        description="A folder with one folder of images for each class. Relative to darkroom.yaml, or absolute, or "
        "a URL that TensorFlow or fsspec opens (`gs://`; `s3://` with the package s3fs).",
    )
    listing: ListingSection | None = Field(
        default=None, description="Instead of `images`: a table that names the images and their labels or targets."
    )
    tfrecords: TfRecordsSection | None = Field(
        default=None,
        description="Instead of `images`: TFRecord files that carry the images with their labels or targets.",
    )
    arrays: Annotated[tuple[ArrayPair, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="Instead of `images`: NumPy arrays, a list of pairs with `images`, `labels` and, where the pair is "
        "one split, `split`.",
    )
    samples: SamplesSection | None = Field(
        default=None,
        description="Instead of `images`: a job folder with class_mapping.json, train_samples.json and "
        "val_samples.json, which say what trains and what evaluates.",
    )
    span: SpanChoice = Field(
        default="latest",
        description="Which spans are taken where the source's paths have `{SPAN}`, or `{YYYY}`, `{MM}` and `{DD}`: "
        "`latest`, `all`, a span's number or date, or a window of the newest, `{last: 3}`. Of a span with `{VERSION}` "
        "the newest version is taken.",
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
        description="A listing's column, or a TFRecord's feature, in which images that stay in one split have the same "
        "text: a patient, a product. An image without text there stands for itself.",
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
    validation: ValidationSection = Field(
        default_factory=ValidationSection, description="What the data must look like, and how far it may move."
    )
    limits: ImageLimits = Field(
        default_factory=ImageLimits, description="Images beyond these are put aside and named in the summary."
    )

    @property
    def source(self) -> str:
        """The key of the source that is used."""
        return next((key for key in _SOURCES[1:] if getattr(self, key) is not None), _SOURCES[0])

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the source that is used, the one that names its spans first."""
        if self.listing is not None:
            found = (self.listing.path, self.listing.root)
        elif self.tfrecords is not None:
            found = (self.tfrecords.pattern, None)
        elif self.arrays is not None:
            # An array of one file for all spans may stand beside those that come in spans.
            pairs = sorted(self.arrays, key=lambda pair: not has_span(pair.images))
            return tuple(path for pair in pairs for path in (pair.images, pair.labels))
        elif self.samples is not None:
            found = (self.samples.folder, self.samples.images)
        else:
            found = (self.images, None)
        return tuple(path for path in found if path is not None)

    @property
    def has_spans(self) -> bool:
        """Whether the source comes in spans."""
        return has_span(self.paths[0])

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
    def _names_its_spans(self) -> Self:
        for path in self.paths:
            check_span_pattern(path)
            if has_span(path) and not self.has_spans:
                raise ValueError(f"{path!r} differs from span to span, so {self.paths[0]!r} must, too")
        if self.span != "latest" and not self.has_spans:
            raise ValueError(
                f"span chooses among spans, but {self.paths[0]!r} has neither {{SPAN}} nor {{YYYY}}, {{MM}} and {{DD}}"
            )
        if isinstance(self.span, date) and "{YYYY}" not in self.paths[0]:
            raise ValueError(f"span is a date, but the spans of {self.paths[0]!r} have numbers")
        return self

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [key for key in _SOURCES if getattr(self, key) is not None and key in self.model_fields_set]
        if len(given) > 1:
            raise ValueError(
                f"{' and '.join(given)} are all given, but data comes from one source; leave all but one out"
            )
        if self.group is not None and self.source not in {"listing", "tfrecords"}:
            raise ValueError(f"group is a column of a listing or a feature of tfrecords, but {self.source} have none")
        return self
