"""`tuning:` which hyperparameters are searched, and how."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from darkroom.configuration.metrics_section import WATCHED_ACCURACY, WatchedName
from darkroom.configuration.section import Section

SWEEP = "learning_rate_sweep"

Algorithm = Literal["random", "bayesian", "hyperband", "grid", "learning_rate_sweep"]


class RangeSection(Section):
    """The values that one hyperparameter may take: a list of them, or two limits."""

    values: tuple[JsonValue, ...] | None = Field(default=None, min_length=1, description="All of them.")
    min: int | float | None = Field(default=None, description="The least.")
    max: int | float | None = Field(default=None, description="The greatest.")
    step: Annotated[int | float, Field(gt=0)] | None = Field(
        default=None, description="Between two neighbours, a difference; with `scale: log` a factor above 1."
    )
    scale: Literal["linear", "log"] = Field(
        default="linear", description="`log` tries as many values between 0.001 and 0.01 as between 0.01 and 0.1."
    )
    when: dict[str, tuple[JsonValue, ...]] = Field(
        default_factory=dict,
        max_length=1,
        description="Searched only where another hyperparameter, listed above this one, has one of these values.",
    )

    @model_validator(mode="after")
    def _is_a_list_or_an_interval(self) -> Self:
        if self.values is not None:
            if any(given is not None for given in (self.min, self.max, self.step)):
                raise ValueError("takes values, or min and max, but not both")
            if len({repr(value) for value in self.values}) < len(self.values):
                raise ValueError("values lists one more than once")
            return self
        if self.min is None or self.max is None:
            raise ValueError("needs a list of values, or min and max")
        if self.min >= self.max:
            raise ValueError(f"min {self.min} must be below max {self.max}")
        if self.scale == "log":
            if self.min <= 0:
                raise ValueError(f"min {self.min} must be above 0 on a log scale")
            if self.step is not None and self.step <= 1:
                raise ValueError(f"step {self.step} must be above 1 on a log scale, where it is a factor")
        return self


def _from_list(given: Any) -> Any:
    return {"values": given} if isinstance(given, (list, tuple)) else given


Range = Annotated[
    RangeSection, BeforeValidator(_from_list, json_schema_input_type=RangeSection | tuple[JsonValue, ...])
]


class SweepSection(Section):
    """Of the learning-rate sweep."""

    min: Annotated[float, Field(gt=0)] = Field(default=1e-6, description="The learning rate of the first step.")
    max: Annotated[float, Field(gt=0, le=10)] = Field(default=1.0, description="That of the last step.")
    steps: Annotated[int, Field(ge=20)] = Field(default=150, description="Optimizer steps from one to the other.")

    @model_validator(mode="after")
    def _spans_two_decades(self) -> Self:
        if self.max < 100 * self.min:
            raise ValueError(f"max {self.max:g} must be at least a hundred times min {self.min:g} to show a curve")
        return self


_DEFAULT_PARAMETERS: dict[str, Range] = {
    "training.learning_rate": RangeSection(min=1e-4, max=1e-2, scale="log"),
    "training.batch_size": RangeSection(values=(32, 64, 128)),
    "model.dropout": RangeSection(min=0.0, max=0.5, step=0.1),
}


class TuningSection(Section):
    """The search for hyperparameters, before the training that uses the best."""

    enabled: bool = Field(
        default=False,
        description="Search in each run, and train with the best values; `darkroom tune` searches in any case.",
    )
    algorithm: Algorithm = Field(
        default="bayesian",
        description="`random`; `bayesian`, which learns from the trials before; `hyperband`, which begins many trials "
        "and goes on with the best; `grid`, every combination; `learning_rate_sweep`, one short training while the "
        "learning rate rises from `sweep.min` to `sweep.max`, which suggests the rate at which the loss falls fastest.",
    )
    parameters: dict[str, Range] = Field(
        default_factory=lambda: dict(_DEFAULT_PARAMETERS),
        min_length=1,
        description="What is searched: any key of `model` or `training` that changes the training, and its values: "
        "`training.learning_rate: {min: 0.0001, max: 0.01, scale: log}`, `training.optimizer.name: [adam, sgd]`. "
        "The default searches learning rate, batch size and dropout.",
    )
    objective: WatchedName = Field(
        default=WATCHED_ACCURACY,
        description="Which trial is the best: the one with the best epoch by this metric; in a regression `val_loss` "
        "where nothing else is given.",
    )
    trials: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="Most trials; null: 20, or every combination of `grid`. `hyperband` takes as many as its rounds "
        "need.",
    )
    epochs: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="A trial is the training itself, and ends after this many epochs at the latest; null lets it "
        "train to its end.",
    )
    factor: Annotated[int, Field(ge=2)] = Field(
        default=3, description="Of `hyperband`: one trial of so many is gone on with, for so many times the epochs."
    )
    parallel: Annotated[int, Field(ge=1)] = Field(
        default=1, description="Trials at the same time, in processes that share this machine's cores and GPUs."
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(default=0, description="Of the search.")
    sweep: SweepSection = Field(default_factory=SweepSection, description="Of `learning_rate_sweep`.")

    @model_validator(mode="after")
    def _conditions_name_what_is_searched_before(self) -> Self:
        before: dict[str, RangeSection] = {}
        for key, range_ in self.parameters.items():
            for parent, values in range_.when.items():
                known = before[parent].values if parent in before else None
                if known is None or any(value not in known for value in values):
                    raise ValueError(
                        f"parameters.{key}.when names {parent}: {list(values)}, but no such values are listed for it "
                        "above"
                    )
            before[key] = range_
        return self
