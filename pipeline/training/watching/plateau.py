"""Lowering the learning rate when nothing gets better."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from darkroom.configuration.schedule_section import ScheduleSection
from pipeline.training.recipes.phase import Watched
from pipeline.training.watching.resumable import Resumable


class Plateau(Resumable):
    """Multiplies the learning rate with `factor` whenever the metric has not got better for `patience` epochs."""

    key: ClassVar[str] = "plateau"

    def __init__(self, section: ScheduleSection, watched: Watched) -> None:
        super().__init__()
        self._section = section
        self._watched = watched
        self._best: float | None = None
        self._waited = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compares, and lowers the rate.

        Raises:
            ConfigurationError: the metric is not measured.
        """
        value = self._watched.value_in(logs)
        if self._watched.is_better(value, self._best):
            self._best, self._waited = value, 0
            return
        self._waited += 1
        if self._waited >= self._section.patience:
            self._waited = 0
            rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
            self.model.optimizer.learning_rate = max(rate * self._section.factor, self._section.min_learning_rate)

    def state(self) -> dict[str, Any]:
        """The best value and how long ago it was; the rate itself is one of the optimizer's variables."""
        return {"best": self._best, "waited": self._waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Puts them back."""
        self._best, self._waited = state["best"], state["waited"]
