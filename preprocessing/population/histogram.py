"""Counts over fixed bins, so that histograms made at different places and times can be added and compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Binning:
    """Equal bins from `low` to `high`, on a linear or a logarithmic scale; the outer ones take what lies beyond."""

    low: float
    high: float
    bins: int
    scale: Literal["linear", "log2"] = "linear"

    def index(self, value: float) -> int:
        """The bin of a value, 0..bins-1; a logarithmic scale puts what is not positive into the first."""
        if self.scale == "log2":
            if value <= self.low:
                return 0
            share = math.log2(value / self.low) / math.log2(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(max(int(share * self.bins), 0), self.bins - 1)


class Histogram:
    """Counts for each bin of a `Binning`.

    Attributes:
        counts: `[bins]`.
    """

    def __init__(self, binning: Binning, counts: list[int] | None = None) -> None:
        self.binning = binning
        self.counts = counts if counts is not None else [0] * binning.bins

    def add(self, value: float) -> None:
        """Count one value; NaN and infinities are not counted."""
        if math.isfinite(value):
            self.counts[self.binning.index(value)] += 1

    def merge(self, other: Histogram) -> None:
        """Add another histogram of the same binning."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]

    @property
    def total(self) -> int:
        """How many values were counted."""
        return sum(self.counts)

    def as_json(self) -> dict[str, Any]:
        """The bins and the counts."""
        binning = self.binning
        return {"low": binning.low, "high": binning.high, "scale": binning.scale, "counts": self.counts}

    @classmethod
    def from_json(cls, binning: Binning, document: Any) -> Histogram:
        """Read what `as_json` wrote.

        Raises:
            ValueError: the document has other bins, or is none.
        """
        document = document if isinstance(document, dict) else {}
        counts = document.get("counts")
        if not isinstance(counts, list) or not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError(f"a histogram's counts must be a list of whole numbers from 0, got {counts!r:.80}")
        found = (document.get("low"), document.get("high"), len(counts), document.get("scale"))
        wanted = (binning.low, binning.high, binning.bins, binning.scale)
        if found != wanted:
            raise ValueError(f"low, high, bins and scale are {found}; they can be compared only when they are {wanted}")
        return cls(binning, counts)
