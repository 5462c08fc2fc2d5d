"""What a diagnosis says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What can be wrong with a training."""

    LEARNING_RATE_TOO_HIGH = "learning_rate_too_high"
    LEARNING_RATE_TOO_LOW = "learning_rate_too_low"
    NO_FALL = "no_fall"
    PLATEAU = "plateau"
    OVERFITTING = "overfitting"
    OSCILLATION = "oscillation"
    BELOW_TRIVIAL = "below_trivial"
    NEGATIVE_TRANSFER = "negative_transfer"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was seen in the curves.

    Attributes:
        kind: what it is called.
        phase: of the recipe.
        epoch: over all phases, from 1; the one after which it was seen.
        seen: a sentence with the numbers.
        advice: a sentence that says what to change.
    """

    kind: Kind
    phase: str
    epoch: int
    seen: str
    advice: str

    def __str__(self) -> str:
        return f"{self.seen} {self.advice}"

    def as_json(self) -> dict[str, Any]:
        """For files."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Finding:
        """What `as_json` gave."""
        return cls(**(values | {"kind": Kind(values["kind"])}))
