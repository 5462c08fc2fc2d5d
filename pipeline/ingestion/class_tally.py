"""The Beam combiner that finds out, for each class, whether a split would miss it."""

from __future__ import annotations

from collections.abc import Iterable

import apache_beam as beam

from darkroom.configuration.split_ratios import SplitRatios
from pipeline.features import SPLITS
from pipeline.ingestion.splits import Tally, corrections, position, split_by_position, trim


class ClassTally(beam.CombineFn):
    """Combines the SHA-256 values of one class into its corrections, whatever the order they come in."""

    def __init__(self, ratios: SplitRatios) -> None:
        super().__init__()
        self._ratios = ratios

    def create_accumulator(self) -> Tally:
        """An empty tally."""
        return {split: set() for split in SPLITS}

    def add_input(self, mutable_accumulator: Tally, element: str) -> Tally:
        """Adds one image's SHA-256."""
        mutable_accumulator[split_by_position(position(element), self._ratios)].add(element)
        return trim(mutable_accumulator)

    def merge_accumulators(self, accumulators: Iterable[Tally]) -> Tally:
        """Joins tallies."""
        merged = self.create_accumulator()
        for tally in accumulators:
            for split in SPLITS:
                merged[split] |= tally[split]
        return trim(merged)

    def extract_output(self, accumulator: Tally) -> dict[str, str]:
        """The images that do not go where their place says: `{sha256: split}`, nearly always empty."""
        return corrections(accumulator)
