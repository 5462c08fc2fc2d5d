"""Which share of the images each split has."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from darkroom.configuration.section import Section


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
