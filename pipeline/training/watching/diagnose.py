"""Diagnosing a training while it runs."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras

from darkroom.errors import DarkroomError
from pipeline.progress import reporter
from pipeline.training.watching.diagnosis import diagnose, not_a_number, within_an_epoch
from pipeline.training.watching.finding import Finding
from pipeline.training.watching.history import History
from pipeline.training.watching.resumable import Resumable

# Looking at a step's loss waits for the accelerator, so not every step's is looked at.
_STEPS_BETWEEN_LOOKS = 50


class Diagnose(Resumable):
    """Tells each finding when it is first seen in a phase, and ends a training whose loss is no longer a number.

    Attributes:
        findings: all of them, over all phases and sessions.
    """

    key: ClassVar[str] = "findings"

    def __init__(self, history: History, chance_loss: float | None) -> None:
        """Takes the curves.

        Args:
            history: called before this one, so that the epoch is its last.
            chance_loss: the loss of a classifier that guesses; None where it is not known.
        """
        super().__init__()
        self._history, self._chance_loss = history, chance_loss
        self.findings: list[Finding] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at the loss now and then.

        Raises:
            DarkroomError: it is no longer a number.
        """
        if (batch + 1) % _STEPS_BETWEEN_LOOKS:
            return
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
            raise _ended(within_an_epoch(loss, rate, self._history.phase, self._history.epochs + 1))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at the curves.

        Raises:
            DarkroomError: the training loss is no longer a number.
        """
        broken = not_a_number(self._history.values)
        if broken is not None:
            raise _ended(broken)
        for finding in diagnose(self._history.values, self._chance_loss):
            self.add(finding)

    def add(self, finding: Finding) -> None:
        """Tells a finding, unless its like was found in this phase."""
        if all((known.kind, known.phase) != (finding.kind, finding.phase) for known in self.findings):
            self.findings.append(finding)
            reporter().note(str(finding))

    def state(self) -> dict[str, Any]:
        """The findings."""
        return {"findings": [finding.as_json() for finding in self.findings]}

    def restore(self, state: dict[str, Any]) -> None:
        """Puts them back."""
        self.findings = [Finding.from_json(values) for values in state["findings"]]


def _ended(finding: Finding) -> DarkroomError:
    return DarkroomError(f"Training ended early. {finding}")
