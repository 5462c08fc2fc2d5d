"""Ending a training that has reached what was asked of it, or that goes astray."""

from __future__ import annotations

from typing import Any, ClassVar

from darkroom.configuration.objective_section import ObjectiveSection
from pipeline.progress import reporter
from pipeline.training.recipes.phase import Watched
from pipeline.training.watching.history import PHASE, History
from pipeline.training.watching.resumable import Resumable


class Objective(Resumable):
    """Ends the whole training, not the phase alone.

    Attributes:
        reached: whether the metric is where it shall be; the weights then are those of the last epoch.
        ended: why it ended the training; None while it has not.
    """

    key: ClassVar[str] = "objective"

    def __init__(self, section: ObjectiveSection, greater_is_better: bool, history: History) -> None:
        """Takes what to reach.

        Args:
            section: metric and bounds.
            greater_is_better: whether the metric shall rise.
            history: called before this one, so that the epoch is its last.
        """
        super().__init__()
        self._section, self._history = section, history
        self._watched = Watched(section.metric, greater_is_better)
        self.reached = False
        self.ended: str | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compares.

        Raises:
            ConfigurationError: the metric is not measured.
        """
        if self._section.reach is not None:
            value = self._watched.value_in(logs)
            if value >= self._section.reach if self._watched.greater_is_better else value <= self._section.reach:
                self.reached = True
                self._end(f"{self._section.metric} reached {value:.4g}; the objective is {self._section.reach:g}")
                return
        if self._section.diverge is not None:
            phases, losses = self._history.values[PHASE], self._history.values["loss"]
            first, last = losses[phases.index(self._history.phase)], losses[-1]
            if last > self._section.diverge * first:
                self._end(
                    f"the training loss diverged: it is {last:.4g}, more than {self._section.diverge:g} times the "
                    f"{first:.4g} after the phase's first epoch"
                )

    def _end(self, why: str) -> None:
        self.ended = f"Training ended after epoch {self._history.epochs}: {why}."
        reporter().note(self.ended)
        self.model.stop_training = True

    def state(self) -> dict[str, Any]:
        """Whether and why training ended."""
        return {"reached": self.reached, "ended": self.ended}

    def restore(self, state: dict[str, Any]) -> None:
        """Puts that back."""
        self.reached, self.ended = state["reached"], state["ended"]
