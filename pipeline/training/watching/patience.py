"""Ending a phase that no longer gets better."""

from __future__ import annotations

from typing import Any, ClassVar

from pipeline.training.recipes.phase import Watched
from pipeline.training.watching.resumable import Resumable


class Patience(Resumable):
    """Ends training after so many epochs without a better value.

    Attributes:
        best: the best value; None before the first.
        waited: epochs since then.
    """

    key: ClassVar[str] = "patience"

    def __init__(self, watched: Watched, epochs: int) -> None:
        """Takes what to watch, and how many epochs to wait."""
        super().__init__()
        self._watched = watched
        self._epochs = epochs
        self.best: float | None = None
        self.waited = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compares.

        Raises:
            ConfigurationError: the metric is not measured.
        """
        value = self._watched.value_in(logs)
        if self._watched.is_better(value, self.best):
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self._epochs:
            self.model.stop_training = True

    def state(self) -> dict[str, Any]:
        """The best value and how long ago it was."""
        return {"best": self.best, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Puts them back."""
        self.best, self.waited = state["best"], state["waited"]
