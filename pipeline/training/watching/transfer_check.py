"""Whether weights from elsewhere, and the training as a whole, do any good."""

from __future__ import annotations

from typing import Any, ClassVar

from pipeline.training.watching.diagnose import Diagnose
from pipeline.training.watching.finding import Finding, Kind
from pipeline.training.watching.history import History
from pipeline.training.watching.resumable import Resumable
from pipeline.training.watching.trivial import Trivial

# What weights from elsewhere have not given in so many epochs, they mostly don't give later.
FIRST_EPOCHS = 10

# Less than this is noise: the same training with another seed differs by as much.
_MARGIN = 0.01


class TransferCheck(Resumable):
    """Compares what the first epochs reach with what a predictor does that never looks at an image, and with a training
    from scratch.

    Attributes:
        trivial: that predictor, and the metric that all are compared by.
        scratch: the best of a training from scratch on the same budget; None where it was not made.
        reached: the best of the first epochs; None before the check.
        falls_back: whether training shall begin anew, from scratch.
    """

    key: ClassVar[str] = "transfer_check"

    def __init__(
        self,
        history: History,
        diagnose: Diagnose,
        *,
        trivial: Trivial,
        scratch: float | None,
        may_fall_back: bool,
    ) -> None:
        """Takes what to compare with.

        Args:
            history: called before this one, so that the epoch is its last.
            diagnose: where findings go.
            trivial, scratch: the attributes.
            may_fall_back: whether a poor result ends the training.
        """
        super().__init__()
        self._history, self._diagnose, self._may_fall_back = history, diagnose, may_fall_back
        self.trivial, self.scratch = trivial, scratch
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
        values = self._history.values.get(self.trivial.metric, ())[:FIRST_EPOCHS]
        if self.reached is not None or not values:
            return
        self.reached = max(values)
        poor = [*self._below_trivial(len(values)), *self._below_scratch(len(values))]
        for finding in poor:
            self._diagnose.add(finding)
        self.falls_back = bool(poor) and self._may_fall_back

    def _below_trivial(self, epochs: int) -> list[Finding]:
        bar = self.trivial
        if bar.value is None or self.reached is None or self.reached > bar.value:
            return []
        first = "epoch" if epochs == 1 else f"{epochs} epochs"
        seen = (
            f"In its first {first} {bar.metric} reached {self.reached:.4f}; always answering {bar.name} has "
            f"{bar.value:.4f}."
        )
        advice = (
            "The network has not learned to tell images apart: check labels, pixels and learning rate, and weigh rare "
            "classes, if there are such, with training.class_weights."
        )
        return [Finding(Kind.BELOW_TRIVIAL, self._history.phase, self._history.epochs, seen, advice)]

    def _below_scratch(self, epochs: int) -> list[Finding]:
        if self.scratch is None or self.reached is None or self.reached >= self.scratch - _MARGIN:
            return []
        seen = (
            f"Negative transfer: in its first {epochs} epochs {self.trivial.metric} reached {self.reached:.4f}; a "
            f"training from scratch of as many epochs reached {self.scratch:.4f}."
        )
        advice = "Train from scratch (training.recipe.name scratch without model.weights), or take other weights."
        return [Finding(Kind.NEGATIVE_TRANSFER, self._history.phase, self._history.epochs, seen, advice)]

    def state(self) -> dict[str, Any]:
        """What was compared, and what came of it."""
        return {"scratch": self.scratch, "reached": self.reached, "falls_back": self.falls_back}

    def restore(self, state: dict[str, Any]) -> None:
        """Puts it back."""
        self.scratch, self.reached, self.falls_back = state["scratch"], state["reached"], state["falls_back"]
