"""`training.schedule:` how the learning rate changes while training goes on."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from darkroom.configuration.metrics_section import WatchedName
from darkroom.configuration.section import Section

ScheduleName = Literal["constant", "exponential", "inverse_time", "cosine", "plateau"]


class ScheduleSection(Section):
    """A schedule for `training.learning_rate`, which is the highest rate. Lengths are in epochs, fractions included."""

    name: ScheduleName = Field(
        default="cosine",
        description="`constant`; `exponential`: rate · decay_rate^(t / decay_epochs); `inverse_time`: rate / "
        "(1 + decay_rate · t / decay_epochs); `cosine`: down to `final_share` over the whole training; `plateau`: "
        "times `factor` whenever `metric` has not got better for `patience` epochs.",
    )
    warmup_epochs: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="The rate first rises from zero along a line, for this long; not with `plateau`."
    )
    final_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.01, description="Where `cosine` ends, as a share of the learning rate."
    )
    decay_rate: Annotated[float, Field(gt=0)] = Field(default=0.5, description="Of `exponential` and `inverse_time`.")
    decay_epochs: Annotated[float, Field(gt=0)] = Field(
        default=10.0, description="Of `exponential` and `inverse_time`: how long one decay takes."
    )
    staircase: bool = Field(
        default=False, description="Of `exponential` and `inverse_time`: decay in steps of `decay_epochs`."
    )
    factor: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.3, description="Of `plateau`.")
    patience: Annotated[int, Field(ge=1)] = Field(default=3, description="Of `plateau`, in epochs.")
    metric: WatchedName | None = Field(
        default=None,
        description="Of `plateau`: what is watched, such as `val_loss`. Null: what early stopping watches.",
    )
    min_delta: Annotated[float, Field(ge=0)] = Field(
        default=0.001, description="Of `plateau`: the smallest change for the better that counts as one."
    )
    min_learning_rate: Annotated[float, Field(ge=0)] = Field(
        default=1e-6, description="Of `plateau`: it falls no lower."
    )

    @model_validator(mode="after")
    def _options_fit_the_schedule(self) -> Self:
        if self.name == "plateau" and self.warmup_epochs:
            raise ValueError("plateau has no warm-up; set warmup_epochs to 0 or choose another schedule")
        if self.name == "exponential" and self.decay_rate >= 1:
            raise ValueError(f"decay_rate {self.decay_rate} would not let the rate fall; exponential needs one below 1")
        return self
