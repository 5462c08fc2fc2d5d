"""Saving a training's state while it runs, and putting a saved one back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from darkroom.configuration.checkpoint_section import CheckpointSection
from darkroom.errors import TrainingPausedError
from pipeline.distribution.agreement import any_worker_says
from pipeline.training.state.clock import Clock
from pipeline.training.state.store import StateStore
from pipeline.training.state.variables import is_metric, read_variables, write_variables
from pipeline.training.watching.resumable import Resumable


@dataclass(frozen=True, slots=True)
class Position:
    """The step that a training does next.

    Attributes:
        phase: from 0.
        epoch: from 0, within the phase.
        step: from 0, within the epoch.
    """

    phase: int = 0
    epoch: int = 0
    step: int = 0


@dataclass(frozen=True, slots=True)
class SavedState:
    """A state read back.

    Attributes:
        position: where it goes on.
        variables: of the network and, within a phase, of its optimizer and metrics.
        callbacks: what each remembered, by key.
        seconds: how long the training had taken.
        best_epoch: index in the history of the epoch whose weights these are; of use at a boundary alone.
        is_boundary: whether it lies between two phases, where there is no optimizer.
    """

    position: Position
    variables: dict[str, np.ndarray]
    callbacks: dict[str, Any]
    seconds: float
    best_epoch: int
    is_boundary: bool


def read_state(store: StateStore) -> SavedState | None:
    """The newest state; None when there is none."""
    stored = store.load()
    if stored is None:
        return None
    arrays, facts = stored
    position = Position(**facts.pop("position"))
    return SavedState(position, arrays, **facts)


class StateSaver(keras.callbacks.Callback):
    """Saves after steps, minutes and epochs; must be the last callback, so that the others have seen the epoch end."""

    def __init__(
        self,
        store: StateStore,
        section: CheckpointSection,
        resumables: Sequence[Resumable],
        *,
        phase: int,
        offset: int,
        within_epochs: bool,
        steps_per_epoch: int,
        clock: Clock,
        has_epochs: Callable[[], bool],
        strategy: tf.distribute.Strategy,
    ) -> None:
        """Takes what to save and when.

        Args:
            store: where to.
            section: how often.
            resumables: the callbacks whose memory belongs to the state.
            phase: from 0.
            offset: Keras's number of the phase's first epoch.
            within_epochs: whether a state between two epochs' ends can be gone on from.
            steps_per_epoch: of a whole epoch.
            clock: the training's.
            has_epochs: whether the session has trained its epochs.
            strategy: the training's; all its workers save and pause in the same step.
        """
        super().__init__()
        self._store, self._section, self._resumables = store, section, tuple(resumables)
        self._strategy, self._has_epochs = strategy, has_epochs
        self._phase, self._offset, self._within_epochs, self._clock = phase, offset, within_epochs, clock
        self._steps_per_epoch = steps_per_epoch
        self._epoch = self._step = self._unsaved_steps = 0
        self._saved_at = time.monotonic()
        self._pending: SavedState | None = None

    def go_on_from(self, saved: SavedState) -> None:
        """Puts a state back once Keras has made the variables, which is when training begins."""
        self._pending = saved
        self._step = saved.position.step

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Variables and the other callbacks' memory."""
        if self._pending is not None:
            write_variables(self.model, self._pending.variables)
            for callback in self._resumables:
                if callback.key in self._pending.callbacks:
                    callback.restore(self._pending.callbacks[callback.key])

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """The running metrics once more: Keras has reset them a moment ago."""
        self._epoch = epoch
        if self._pending is not None:
            if self._pending.position.step:
                write_variables(self.model, self._pending.variables, only=is_metric)
            self._pending = None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves when it is time.

        Raises:
            TrainingPausedError: the session's time is up; the state is saved.
        """
        self._step += 1
        self._unsaved_steps += 1
        if not self._within_epochs:
            return
        if self.model.stop_training or self._step >= self._steps_per_epoch:
            # An epoch without a step cannot be gone on with: Keras would measure nothing. The epoch's end follows.
            return
        over, due = any_worker_says(self._strategy, self._clock.is_over(), self._is_due())
        if over or due:
            self._save(self._epoch - self._offset, self._step)
        if over:
            raise TrainingPausedError(self._paused())

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves.

        Raises:
            TrainingPausedError: the session's time is up, or it has its epochs; the state is saved.
        """
        self._step = 0
        if self.model.stop_training or epoch + 1 == self.params["epochs"]:
            # The phase ends here, and its end is saved in a moment. A state before that would train on.
            return
        self._save(epoch + 1 - self._offset, 0)
        if self._has_epochs():
            raise TrainingPausedError(f"Training paused after epoch {epoch + 1}.")
        [over] = any_worker_says(self._strategy, self._clock.is_over())
        if over:
            raise TrainingPausedError(self._paused())

    def _is_due(self) -> bool:
        if self._section.every_steps is not None:
            return self._unsaved_steps >= self._section.every_steps
        return time.monotonic() - self._saved_at >= 60 * self._section.every_minutes

    def _save(self, epoch: int, step: int) -> None:
        save_state(
            self._store,
            Position(self._phase, epoch, step),
            read_variables(self.model),
            self._resumables,
            self._clock.seconds(),
        )
        self._unsaved_steps, self._saved_at = 0, time.monotonic()

    def _paused(self) -> str:
        return (
            f"Training paused: its {self._clock.minutes:g} minutes are over. Everything is saved; run again to go on "
            f"after epoch {self._epoch - self._offset + (0 if self._step else 1)} of phase {self._phase + 1}."
        )


def save_state(
    store: StateStore,
    position: Position,
    variables: dict[str, np.ndarray],
    resumables: Sequence[Resumable],
    seconds: float,
    *,
    best_epoch: int = 0,
    is_boundary: bool = False,
) -> None:
    """Writes a state, then removes the best epochs' weights that it no longer names."""
    facts = {
        "position": asdict(position),
        "callbacks": {callback.key: callback.state() for callback in resumables},
        "seconds": seconds,
        "best_epoch": best_epoch,
        "is_boundary": is_boundary,
    }
    store.save(variables, facts)
    store.keep_only({file for callback in resumables for file in callback.files()})
