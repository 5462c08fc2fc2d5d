"""The sections of `darkroom.yaml` that the pipeline reads; `preprocessing` and `serving` live with their packages."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from preprocessing.images import ImageLimits


class Section(BaseModel):
    """A part of the configuration: immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


class SmallCnnSection(Section):
    """The shape of the small convolutional network, for `architecture: small_cnn`."""

    filters: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(32, 64, 128),
        min_length=1,
        max_length=6,
        description="Filters of each block; a block is two convolutions with batch norm and ReLU, then max pooling.",
    )
    dense_units: Annotated[int, Field(ge=0)] = Field(
        default=128, description="Width of the dense layer before the output; 0 leaves it out."
    )


class ModelSection(Section):
    """What is trained and under which name it is served."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")] = Field(
        default="model", description="The model's name in the repository and in every request."
    )
    architecture: str = Field(
        default="small_cnn",
        description="`small_cnn`, or the name of any model in keras.applications, such as `MobileNetV2`, `ResNet50` or "
        "`EfficientNetV2B0`.",
    )
    small_cnn: SmallCnnSection = Field(default_factory=SmallCnnSection, description="Options of the small CNN.")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.3, description="Dropout before the output layer, as a share of units."
    )


class EarlyStoppingSection(Section):
    """Ends training when the eval split's loss no longer falls; the best epoch's weights are kept."""

    patience: Annotated[int, Field(ge=1)] = Field(
        default=5, description="Epochs without a lower eval loss before training ends."
    )
    min_delta: Annotated[float, Field(ge=0)] = Field(
        default=0.001, description="The smallest fall in eval loss that counts as one."
    )


class TrainingSection(Section):
    """How the model is fitted."""

    epochs: Annotated[int, Field(ge=1)] = Field(default=30, description="Most epochs; early stopping may end sooner.")
    batch_size: Annotated[int, Field(ge=1)] = Field(
        default=64, description="Images in one step, over all replicas together."
    )
    learning_rate: Annotated[float, Field(gt=0, le=10)] = Field(
        default=0.001, description="Adam's peak learning rate; it falls along a cosine to nearly zero."
    )
    strategy: Literal["one_device", "mirrored"] = Field(
        default="one_device",
        description="`mirrored` trains on all GPUs of the machine (tf.distribute.MirroredStrategy).",
    )
    early_stopping: EarlyStoppingSection | None = Field(
        default_factory=EarlyStoppingSection, description="Null trains all epochs."
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        default=0, description="Seed of weights, shuffling and dropout."
    )
    deterministic: bool = Field(
        default=True, description="Use deterministic ops: the same data and seed give the same weights on one machine."
    )
    shuffle_buffer: Annotated[int, Field(ge=1)] = Field(
        default=10_000, description="Encoded images held in memory to shuffle from."
    )
    cache_megabytes: Annotated[int, Field(ge=0)] = Field(
        default=1024,
        description="Preprocessed pixels are kept in memory after the first epoch when they take no more than this.",
    )


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
