"""`training:` how the network is fitted."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from darkroom.configuration.augmentation_section import AugmentationSection
from darkroom.configuration.checkpoint_section import CheckpointSection
from darkroom.configuration.distribution_section import DistributionSection
from darkroom.configuration.early_stopping_section import EarlyStoppingSection
from darkroom.configuration.feeding_section import FeedingSection
from darkroom.configuration.metrics_section import MetricName, MetricOptionsSection, WatchedName
from darkroom.configuration.objective_section import ObjectiveSection
from darkroom.configuration.optimizer_section import OptimizerSection
from darkroom.configuration.recipe_section import RecipeSection
from darkroom.configuration.schedule_section import ScheduleSection
from darkroom.configuration.section import Section
from darkroom.configuration.tensorboard_section import TensorBoardSection


class TrainingSection(Section):
    """How the model is fitted."""

    recipe: RecipeSection = Field(default_factory=RecipeSection, description="The phases of the training.")
    epochs: Annotated[int, Field(ge=1)] = Field(default=30, description="Most epochs; early stopping may end sooner.")
    steps: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Most optimizer steps, in place of `epochs`; the last epoch may be a part of one."
    )
    batch_size: Annotated[int, Field(ge=1)] = Field(
        default=64, description="Images in one step, over all replicas together."
    )
    learning_rate: Annotated[float, Field(gt=0, le=10)] = Field(
        default=0.001, description="The peak learning rate; `schedule` says how it changes."
    )
    optimizer: OptimizerSection = Field(default_factory=OptimizerSection, description="The optimizer.")
    schedule: ScheduleSection = Field(default_factory=ScheduleSection, description="The learning rate's course.")
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="Share of each label's weight that is spread over all classes."
    )
    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(ge=0)]] | None = Field(
        default=None,
        description="How much each class counts in the training loss: `balanced` is inverse to its share of the "
        "training images; or a number for each class name, 1 where none is given.",
    )
    augmentation: AugmentationSection = Field(
        default_factory=AugmentationSection, description="Random changes to the training images."
    )
    feeding: FeedingSection = Field(
        default_factory=FeedingSection, description="Where preprocessed images are between two epochs."
    )
    distribution: DistributionSection = Field(
        default_factory=DistributionSection, description="On which devices and machines it runs."
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        default="float32",
        description="The mixed ones compute in 16 bits and keep weights in 32, `mixed_float16` with a scaled loss. "
        "The exported model computes in float32.",
    )
    jit_compile: bool | None = Field(
        default=None,
        description="Compile the step with XLA. When not given, Keras decides: on one GPU, and nowhere else.",
    )
    metrics: tuple[MetricName, ...] = Field(
        default=(),
        description="What is measured on both splits in each epoch, besides the loss, the accuracy (or the mean "
        "absolute error and R² of a regression) and whatever a rule watches; docs/training.md lists the names.",
    )
    metric_options: MetricOptionsSection = Field(
        default_factory=MetricOptionsSection, description="What some metrics need to know."
    )
    early_stopping: EarlyStoppingSection | None = Field(
        default_factory=EarlyStoppingSection, description="Null trains all epochs."
    )
    objective: ObjectiveSection = Field(
        default_factory=ObjectiveSection, description="When it is good enough, and when it is lost."
    )
    tensorboard: TensorBoardSection = Field(default_factory=TensorBoardSection, description="Logs for TensorBoard.")
    best_metric: WatchedName | None = Field(
        default=None,
        description="Whose best epoch's weights are kept. Null: that of the metric that early stopping watches; "
        "without early stopping the last epoch's.",
    )
    checkpoint: CheckpointSection = Field(
        default_factory=CheckpointSection, description="How a training survives being killed."
    )
    keep_optimizer: bool = Field(
        default=False,
        description="Export the optimizer's state with the model, for a warm start that goes on with it; it takes up "
        "to twice the space of the weights.",
    )
    save_domain: str | None = Field(
        default=None,
        description="A folder in which the trained base is kept when training ends, for `model.weights: "
        "domain:<folder>` in the next task on images of the same kind.",
    )
    max_minutes: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Time that one session of training may take; then it is saved and ends with exit code 4, and the "
        "next run goes on.",
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        default=0, description="Seed of weights, shuffling, augmentation and dropout."
    )
    deterministic: bool = Field(
        default=True, description="Use deterministic ops: the same data and seed give the same weights on one machine."
    )

    @model_validator(mode="after")
    def _compiled_steps_exchange_nothing(self) -> Self:
        if self.jit_compile and self.distribution.sync_batch_norm:
            raise ValueError(
                "jit_compile and distribution.sync_batch_norm exclude each other: XLA cannot compile the exchange "
                "between replicas"
            )
        return self

    @model_validator(mode="after")
    def _batches_hold_whole_sets_of_copies(self) -> Self:
        copies = self.augmentation.n_augmentation
        if self.batch_size % copies:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of augmentation.n_augmentation {copies}, "
                "since a batch holds all copies of an image"
            )
        return self
