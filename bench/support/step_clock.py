"""How long each step of a training takes, as a callback; a module that `model.module` may name."""

from __future__ import annotations

import time
from typing import Any

import keras

_clocks: list[StepClock] = []


def callbacks(metric: str, greater_is_better: bool) -> list[keras.callbacks.Callback]:
    """A new clock, for Darkroom."""
    _clocks.append(StepClock())
    return [_clocks[-1]]


def newest() -> StepClock:
    """The clock of the newest training."""
    return _clocks[-1]


class StepClock(keras.callbacks.Callback):
    """Seconds between the ends of steps, from the second epoch on, epochs' borders left out."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._epoch = 0
        self._last: float | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """A new epoch's first step is measured from no other."""
        self._epoch, self._last = epoch, None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes the time."""
        now = time.perf_counter()
        if self._epoch > 0 and self._last is not None:
            self.seconds.append(now - self._last)
        self._last = now
