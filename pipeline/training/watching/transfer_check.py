"""Whether weights from elsewhere, and the training as a whole, do any good."""

from __future__ import annotations

from typing import Any, ClassVar

from pipeline.training.watching.diagnose import Diagnose
from pipeline.training.watching.finding import Finding, Kind
from pipeline.training.watching.history import History
from pipeline.training.watching.resumable import Resumable

# What weights from elsewhere have not given in so many epochs, they mostly don't give later.
FIRST_EPOCHS = 10

# Less than this is noise: the same training with another seed differs by as much.
_MARGIN = 0.01

_METRIC = "val_accuracy"


class TransferCheck(Resumable):
    """Compares the first epochs' best eval accuracy with that of always answering the commonest class, and with that of
    a training from scratch.

    Attributes:
        majority: the share of the eval split's commonest class; None where it is not known.
        scratch: the best eval accuracy of a training from scratch on the same budget; None where it was not made.
        reached: the best eval accuracy of the first epochs; None before the check.
        falls_back: whether training shall begin anew, from scratch.
    """

    key: ClassVar[str] = "transfer_check"

    def __init__(
        self,
        history: History,
        diagnose: Diagnose,
        *,
        majority: float | None,
        scratch: float | None,
        may_fall_back: bool,
    ) -> None:
        """Takes what to compare with.

        Args:
            history: called before this one, so that the epoch is its last.
            diagnose: where findings go.
            majority, scratch: the attributes.
            may_fall_back: whether a poor result ends the training.
        """
        super().__init__()
        self._history, self._diagnose, self._may_fall_back = history, diagnose, may_fall_back
        self.majority, self.scratch = majority, scratch
        self.reached: float | None = None
        self.falls_back = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compares once there are enough epochs."""
        if self._history.epochs >= FIRST_EPOCHS:
            self.check()
            if self.falls_back:
                self.model.stop_training = True

    def check(self) -> None:
        """Compares what there is, once; training may have ended before."""
        values = self._history.values.get(_METRIC, ())[:FIRST_EPOCHS]
        if self.reached is not None or not values:
            return
        self.reached = max(values)
        poor = [*self._below_majority(len(values)), *self._below_scratch(len(values))]
        for finding in poor:
            self._diagnose.add(finding)
        self.falls_back = bool(poor) and self._may_fall_back

    def _below_majority(self, epochs: int) -> list[Finding]:
        if self.majority is None or self.reached is None or self.reached > self.majority:
            return []
        seen = (
            f"In its first {epochs} epochs the eval accuracy reached {self.reached:.4f}; always answering the "
            f"commonest class has {self.majority:.4f}."
        )
        advice = (
            "The network has not learned to tell the classes apart: check labels, pixels and learning rate, and weigh "
            "rare classes with training.class_weights."
        )
        return [Finding(Kind.BELOW_MAJORITY, self._history.phase, self._history.epochs, seen, advice)]

    def _below_scratch(self, epochs: int) -> list[Finding]:
        if self.scratch is None or self.reached is None or self.reached >= self.scratch - _MARGIN:
            return []
        seen = (
            f"Negative transfer: in its first {epochs} epochs the eval accuracy reached {self.reached:.4f}; a training "
            f"from scratch of as many epochs reached {self.scratch:.4f}."
        )
        advice = "Train from scratch (training.recipe.name scratch without model.weights), or take other weights."
        return [Finding(Kind.NEGATIVE_TRANSFER, self._history.phase, self._history.epochs, seen, advice)]

    def state(self) -> dict[str, Any]:
        """What was compared, and what came of it."""
        return {"scratch": self.scratch, "reached": self.reached, "falls_back": self.falls_back}

    def restore(self, state: dict[str, Any]) -> None:
        """Puts it back."""
        self.scratch, self.reached, self.falls_back = state["scratch"], state["reached"], state["falls_back"]
