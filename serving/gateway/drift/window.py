"""A population over the last minutes: a ring of steps, of which the oldest is forgotten as a new one begins."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from preprocessing.population import Population

STEPS = 12


class PopulationWindow:
    """Counts into the current step; `total` adds those that the window still covers."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._step_seconds = seconds / STEPS
        self._clock = clock
        self._steps: deque[tuple[int, Population]] = deque()

    def current(self) -> Population:
        """What to count into now."""
        number = self._number()
        if not self._steps or self._steps[-1][0] != number:
            self._forget(number)
            self._steps.append((number, Population()))
        return self._steps[-1][1]

    def total(self) -> Population:
        """Everything in the window."""
        self._forget(self._number())
        total = Population()
        for _, step in self._steps:
            total.merge(step)
        return total

    def _number(self) -> int:
        return int(self._clock() / self._step_seconds)

    def _forget(self, number: int) -> None:
        while self._steps and self._steps[0][0] <= number - STEPS:
            self._steps.popleft()
