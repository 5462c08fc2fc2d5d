"""The curves of a training."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from pipeline.training.watching.resumable import Resumable

LEARNING_RATE = "learning_rate"
PHASE = "phase"


class History(Resumable):
    """A value of each metric for each epoch, over all phases; and the learning rate at the end of the epoch."""

    key: ClassVar[str] = "history"

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, list[Any]] = {}
        self.phase = ""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes the epoch's metrics down."""
        row: dict[str, Any] = {name: float(value) for name, value in (logs or {}).items()}
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        row |= {LEARNING_RATE: float(rate), PHASE: self.phase}
        for name, value in row.items():
            self.values.setdefault(name, []).append(value)

    @property
    def epochs(self) -> int:
        """How many were taken down."""
        return len(self.values.get(PHASE, ()))

    def state(self) -> dict[str, Any]:
        """The curves."""
        return {"values": self.values}

    def restore(self, state: dict[str, Any]) -> None:
        """Puts the curves back."""
        self.values = {name: list(values) for name, values in state["values"].items()}
