"""Which share of the images each split has."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from darkroom.configuration.section import Section

# Rules of thumb: below so many images, this share is held out for the test split, and this of the rest for evaluation.
# A small share of many images judges as well as a larger one of few.
_RULE = ((1_000, 0.20, 0.10), (10_000, 0.10, 0.10))
_RULE_ABOVE = (0.05, 0.05)


class SplitRatios(Section):
    """Which share of the images is held out; the rest trains."""

    eval: Annotated[float, Field(gt=0, lt=0.9)] | None = Field(
        default=None,
        description="Share of all images that is watched during training, for early stopping. When not given, of what "
        "the test split leaves 10 % below 10,000 images and 5 % above.",
    )
    test: Annotated[float, Field(gt=0, lt=0.9)] | None = Field(
        default=None,
        description="Share that judges the finished model; training never sees it. When not given, 20 % below 1,000 "
        "images, 10 % below 10,000 and 5 % above.",
    )

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        held_out = sum(self.of(1))
        if held_out >= 0.95:
            raise ValueError(f"eval {self.eval} and test {self.test} together leave less than 5 % to train on")
        return self

    def of(self, images: int) -> tuple[float, float]:
        """The shares of eval and test for so many images."""
        rules = (rule[1:] for rule in _RULE if images < rule[0])
        rule_test, rule_eval = next(rules, _RULE_ABOVE)
        test = rule_test if self.test is None else self.test
        return (1 - test) * rule_eval if self.eval is None else self.eval, test
