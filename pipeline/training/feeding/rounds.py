"""Which segment is trained on when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Visit:
    """Some passes over one segment, in a row.

    Attributes:
        round: from 0.
        segment: from 0.
        start: number of its first example, counted over all epochs from the training's start.
        end: the number after its last example.
    """

    round: int
    segment: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Rounds:
    """The visits of a training: each round has one of each segment, in an order of its own.

    A visit is `passes` passes long, so a round is as long as `passes` epochs. Epochs end where they would without
    segments, wherever in a visit that is.

    Attributes:
        sizes: examples in each segment.
        passes: over a segment in one visit.
        seed: of the order.
    """

    sizes: tuple[int, ...]
    passes: int
    seed: int

    def visits(self, start: int, end: int) -> list[Visit]:
        """Those that have any of the examples from number `start` up to `end`, in order and in full."""
        length = self.passes * sum(self.sizes)
        found: list[Visit] = []
        for number in range(start // length, -(-end // length)):
            at = number * length
            for segment in np.random.default_rng([self.seed, number]).permutation(len(self.sizes)).tolist():
                visit = Visit(number, segment, at, at + self.passes * self.sizes[segment])
                if visit.end > start and visit.start < end:
                    found.append(visit)
                at = visit.end
        return found
