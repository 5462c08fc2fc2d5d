"""Keeping the weights of the best epoch."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from pipeline.training.recipes.phase import Watched
from pipeline.training.state.store import StateStore
from pipeline.training.watching.history import History
from pipeline.training.watching.resumable import Resumable


class BestEpoch(Resumable):
    """Remembers the weights after the epoch with the best value.

    Attributes:
        best: the best value; None before the first.
        best_epoch: by Keras's number; None before the first.
        best_index: its place in the history.
    """

    key: ClassVar[str] = "best_epoch"

    def __init__(self, watched: Watched, store: StateStore | None, history: History) -> None:
        """Takes what to watch.

        Args:
            watched: the metric.
            history: called before this one, so that the epoch is its last.
            store: where the best weights are kept for a start after a crash; None keeps them in memory alone.
        """
        super().__init__()
        self._watched = watched
        self._store = store
        self._history = history
        self._weights: list[np.ndarray] | None = None
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.best_index: int | None = None

    @property
    def file(self) -> str | None:
        """The store's file with the best weights."""
        return None if self.best_epoch is None else f"best-{self.best_epoch}.npz"

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compares.

        Raises:
            ConfigurationError: the metric is not measured.
        """
        value = self._watched.value_in(logs)
        if self._watched.is_better(value, self.best):
            self.best, self.best_epoch = value, epoch
            self.best_index = self._history.epochs - 1
            self._weights = self.model.get_weights()
            if self._store is not None and self.file is not None:
                self._store.save({f"{place:05}": array for place, array in enumerate(self._weights)}, {}, self.file)

    def put_back(self) -> None:
        """Gives the model the best epoch's weights; those it has stay when no epoch had a value."""
        if self._weights is not None:
            self.model.set_weights(self._weights)

    def state(self) -> dict[str, Any]:
        """The best value, and where its weights are."""
        return {"best": self.best, "best_epoch": self.best_epoch, "best_index": self.best_index}

    def files(self) -> set[str]:
        """The file with the best weights."""
        return set() if self.file is None else {self.file}

    def restore(self, state: dict[str, Any]) -> None:
        """Reads the best weights again."""
        self.best, self.best_epoch, self.best_index = state["best"], state["best_epoch"], state["best_index"]
        stored = self._store.load(self.file) if self._store is not None and self.file is not None else None
        if stored is not None:
            arrays, _ = stored
            self._weights = [arrays[key] for key in sorted(arrays)]
