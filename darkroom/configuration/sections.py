"""The sections of `darkroom.yaml` that are small; the others stand in files of their own beside this one."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from darkroom.configuration.section import Section
from darkroom.task import Task
from preprocessing.images import ImageLimits


class SplitRatios(Section):
    """Which share of the images is held out; the rest trains."""

    eval: Annotated[float, Field(gt=0, lt=0.9)] = Field(
        default=0.1, description="Share that is watched during training, for early stopping."
    )
    test: Annotated[float, Field(gt=0, lt=0.9)] = Field(
        default=0.2, description="Share that judges the finished model; training never sees it."
    )

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        if self.eval + self.test >= 0.95:
            raise ValueError(f"eval {self.eval} and test {self.test} together leave less than 5 % to train on")
        return self


class DataSection(Section):
    """Where the labelled images are, and which of them are used."""

    images: str = Field(
        default="images",
        description="A folder with one folder of images for each class. Relative to darkroom.yaml, or absolute, or "
        "anything TensorFlow's file system opens (`gs://`, `s3://` where its plug-in is installed).",
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
        description="Class names in the order of their ids. Without it, the folders' names in alphabetical order. "
        "A folder that is not listed is an error, so that a new class never slips in unseen.",
    )
    splits: SplitRatios = Field(default_factory=SplitRatios, description="Shares of the images that are held out.")
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


class EvaluationSection(Section):
    """The gate: what a model must reach on the test split to be blessed."""

    min_accuracy: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5, description="Lowest accuracy on the test split."
    )
    max_accuracy_drop: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=0.01,
        description="How far accuracy may fall below that of the latest blessed model, measured on the same test "
        "split; null switches the comparison off.",
    )


class PushSection(Section):
    """Where blessed models go."""

    repository: str = Field(
        default="models",
        description="The model repository: versions are written to `<repository>/<model name>/<version>/`.",
    )


class PipelineSection(Section):
    """Where runs keep their artifacts and records."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")] | None = Field(
        default=None, description="The pipeline's name in ML Metadata; the model's name when not given."
    )
    root: str = Field(default=".darkroom", description="Folder for artifacts, logs and the SQLite metadata store.")
    cache: bool = Field(
        default=True, description="Reuse a component's earlier result when its inputs and settings are the same."
    )


class BeamSection(Section):
    """How Apache Beam runs ingestion, statistics, Transform and evaluation."""

    runner: str = Field(default="DirectRunner", description="Any Beam runner, by its name.")
    options: tuple[str, ...] = Field(
        default=(), description="Further Beam pipeline options, each written as on a command line."
    )
