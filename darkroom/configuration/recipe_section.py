"""`training.recipe:` in which phases a network is trained, and which of its layers learn in each."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from darkroom.configuration.metrics_section import WATCHED_ACCURACY, WatchedName
from darkroom.configuration.section import Section

RecipeName = Literal["scratch", "transfer", "fine_tune", "progressive", "warm_start", "domain_init"]

LATEST_BLESSED = "latest_blessed"

Epochs = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, le=10)]
Dropout = Annotated[float, Field(ge=0, lt=1)]

# Which recipes read an option; the validator below refuses it elsewhere, where it would do nothing without a word.
_READERS: dict[str, frozenset[str]] = {
    "head_epochs": frozenset({"fine_tune", "progressive"}),
    "head_learning_rate": frozenset({"fine_tune", "progressive"}),
    "head_dropout": frozenset({"fine_tune", "progressive"}),
    "all_epochs": frozenset({"fine_tune"}),
    "all_learning_rate": frozenset({"fine_tune", "progressive"}),
    "patience": frozenset({"fine_tune"}),
    "factor": frozenset({"fine_tune"}),
    "metric": frozenset({"fine_tune"}),
    "group_epochs": frozenset({"progressive"}),
    "init_epochs": frozenset({"domain_init"}),
    "init_dropout": frozenset({"domain_init"}),
    "version": frozenset({"warm_start"}),
    "optimizer_state": frozenset({"warm_start"}),
}


class RecipeSection(Section):
    """The phases of a training. Options of another recipe than the one that is named are errors."""

    name: RecipeName = Field(
        default="scratch",
        description="`scratch`: all layers from the start; `transfer`: the base stays as `model.weights` has it, the "
        "head learns; `fine_tune`: the head first, then all layers; `progressive`: the head first, then one "
        "convolutional group more at a time, from the top, the stem last; `warm_start`: go on from a model of this "
        "name that exists; `domain_init`: a few epochs with strong dropout, then a full training from there. "
        "`scratch`, `transfer`, `warm_start` and the second phase of `domain_init` take epochs, learning rate, "
        "schedule and early stopping from `training`.",
    )
    head_epochs: Epochs = Field(default=100, description="Most epochs in which the head learns alone.")
    head_learning_rate: Rate = Field(default=0.001, description="While the head learns alone.")
    head_dropout: Dropout = Field(default=0.75, description="Before the output layer, in place of `model.dropout`.")
    all_epochs: Epochs = Field(default=100, description="Of `fine_tune`: most epochs in which all layers learn.")
    all_learning_rate: Rate = Field(default=0.0003, description="Once layers of the base learn.")
    metric: WatchedName = Field(
        default=WATCHED_ACCURACY,
        description="Of `fine_tune`: what decides about learning rate, end and best epoch; in a regression `val_loss` "
        "where nothing else is given.",
    )
    patience: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="Of `fine_tune`: epochs without a better `metric` after which the learning rate falls; after "
        "three times as many a phase ends. Null: 5 below 200 training images for each class, 4 below 500, else 2.",
    )
    factor: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.3, description="Of `fine_tune`: what the learning rate is multiplied with when it falls."
    )
    group_epochs: Epochs = Field(default=3, description="Of `progressive`: epochs after each group that joins.")
    init_epochs: Epochs = Field(default=5, description="Of `domain_init`: epochs that make the initialisation.")
    init_dropout: Dropout = Field(default=0.75, description="Of `domain_init`: dropout in these epochs.")
    version: Annotated[str, Field(pattern=r"^(latest_blessed|\d+)$")] = Field(
        default=LATEST_BLESSED,
        description="Of `warm_start`: a version of this model in the repository, or `latest_blessed`; the first run, "
        "which has none, trains from scratch and says so.",
    )
    optimizer_state: bool = Field(
        default=False,
        description="Of `warm_start`: take the optimizer's state over, too; that model must have been trained with "
        "`training.keep_optimizer`.",
    )

    compare_with_scratch: bool = Field(
        default=False,
        description="Where weights come from elsewhere: train ten epochs from scratch first, to see whether they help.",
    )
    negative_transfer: Literal["warn", "fall_back"] = Field(
        default="warn",
        description="Where weights come from elsewhere and the first ten epochs are no better than always answering "
        "the commonest class, or worse than from scratch: say so, or stop and train from scratch instead.",
    )

    @model_validator(mode="after")
    def _options_belong_to_the_recipe(self) -> Self:
        for option, readers in _READERS.items():
            default = type(self).model_fields[option].default
            if self.name not in readers and getattr(self, option) != default:
                raise ValueError(f"{self.name} has no {option}; {', '.join(sorted(readers))} have it")
        return self
