"""One training, phase after phase; it goes on where an earlier session of it was ended."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
from dataclasses import dataclass

import keras

from darkroom.errors import TrainingPausedError
from pipeline.distribution.learning_rate_scaling import scaled_learning_rate
from pipeline.distribution.shares import ALONE
from pipeline.progress import reporter
from pipeline.training.callbacks import EvaluateMovingAverage, ReportEpochs, StopAtStep
from pipeline.training.compilation import compile_network
from pipeline.training.losses import StandardizedSquaredError
from pipeline.training.metrics.registry import greater_is_better
from pipeline.training.recipes.freezing import Freezing
from pipeline.training.recipes.phase import Phase
from pipeline.training.schedules import learning_rate, shifted
from pipeline.training.state.clock import Clock
from pipeline.training.state.saver import Position, SavedState, StateSaver, read_state, save_state
from pipeline.training.state.store import StateStore
from pipeline.training.state.variables import read_weights, write_weights
from pipeline.training.subject import Subject, run_epochs
from pipeline.training.warm_start import steps_before, take_optimizer_state
from pipeline.training.watching.best_epoch import BestEpoch
from pipeline.training.watching.checkpoints import KeepCheckpoints
from pipeline.training.watching.diagnose import Diagnose
from pipeline.training.watching.history import History
from pipeline.training.watching.objective import Objective
from pipeline.training.watching.patience import Patience
from pipeline.training.watching.plateau import Plateau
from pipeline.training.watching.resumable import Resumable
from pipeline.training.watching.tensorboard import TensorBoardLog
from pipeline.training.watching.transfer_check import TransferCheck
from pipeline.training.watching.trivial import trivial

# The number of the phase after the last one, whichever that is.
_NO_PHASE = 10**6

# In the Trainer's `model_run` folder.
CHECKPOINTS_FOLDER = "checkpoints"
TENSORBOARD_FOLDER = "tensorboard"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A phase when it is its turn.

    Attributes:
        number: from 0.
        phase: what is trained, and how.
        offset: epochs that the phases before it have at most, which is Keras's number of its first epoch.
        epochs: that it has at most.
        reached: the state within it from which it goes on; None at its start.
    """

    number: int
    phase: Phase
    offset: int
    epochs: int
    reached: SavedState | None

    @property
    def start(self) -> Position:
        """The step that comes first."""
        return self.reached.position if self.reached else Position(self.number)


class Session:
    """Runs the phases of a recipe.

    Attributes:
        history: the curves, over all phases and sessions.
        best_epoch: index in the history of the epoch whose weights the network has.
        clock: the time it takes.
        diagnose: what was found in the curves.
        objective: what shall be reached.
        transfer: whether weights from elsewhere do any good.
    """

    def __init__(self, subject: Subject, store: StateStore | None, pause_after: int | None = None) -> None:
        """Takes what to train.

        Args:
            subject: the network and its data.
            store: where the state is kept; None keeps none.
            pause_after: epochs, over all phases and sessions, after which it is saved and paused; None never does.
        """
        section = subject.options.training
        self._subject, self._store, self._section = subject, store, section
        self._pause_after = pause_after
        self._saved = read_state(store) if store is not None and section.checkpoint.resume else None
        self._freezing = Freezing(subject.network)
        self.history = History()
        rising = greater_is_better(section.objective.metric, section.metric_options)
        self.objective = Objective(section.objective, rising, self.history)
        # A regression's own loss is 1 for the mean target, whatever its unit.
        guessing = math.log(subject.outcomes.n_classes) if subject.task.has_classes else 1.0
        known = subject.task.has_classes or isinstance(subject.network.model.loss, StandardizedSquaredError)
        self.diagnose = Diagnose(self.history, guessing if known else None)
        self.transfer = TransferCheck(
            self.history,
            self.diagnose,
            trivial=trivial(subject.facts),
            scratch=subject.scratch_reached,
            may_fall_back=subject.starts_elsewhere and section.recipe.negative_transfer == "fall_back",
        )
        # What remembers more than one phase.
        self._lasting = (self.history, self.diagnose, self.objective, self.transfer)
        self.best_epoch = 0
        self.clock = Clock(self._saved.seconds if self._saved else 0.0, section.max_minutes)

    def run(self, phases: tuple[Phase, ...]) -> None:
        """Trains.

        Raises:
            TrainingPausedError: the session's time is up, or it has its epochs; the next session goes on.
        """
        saved, offset = self._saved, 0
        if saved is not None:
            self._go_on(saved)
        for number, phase in enumerate(phases):
            epochs = phase.epochs_for(self._subject.batches.per_epoch)
            if saved is None or number >= saved.position.phase:
                self.history.phase = phase.name
                reached = saved if saved is not None and saved.position.phase == number else None
                within = reached if reached and not reached.is_boundary else None
                self._run_phase(_Turn(number, phase, offset, epochs, within))
            if self._is_over:
                break
            offset += epochs
            if number + 1 < len(phases) and self._has_epochs:
                raise TrainingPausedError(f"Training paused after {self.history.epochs} epochs.")
        self.transfer.check()

    @property
    def _has_epochs(self) -> bool:
        """Whether it has the epochs after which it pauses."""
        return self._pause_after is not None and self.history.epochs >= self._pause_after

    @property
    def _is_over(self) -> bool:
        """Whether no phase shall follow."""
        return self.objective.ended is not None or self.transfer.falls_back

    def _go_on(self, saved: SavedState) -> None:
        for lasting in self._lasting:
            if lasting.key in saved.callbacks:
                lasting.restore(saved.callbacks[lasting.key])
        self.best_epoch = saved.best_epoch
        if saved.is_boundary:
            write_weights(self._subject.network.model, saved.variables)
        if self._is_over:
            return
        where = f"epoch {saved.position.epoch + 1}, step {saved.position.step} of phase {saved.position.phase + 1}"
        reporter().note(f"Training goes on from a saved state: {where}")

    def _run_phase(self, turn: _Turn) -> None:
        subject, per_epoch, phase = self._subject, self._subject.batches.per_epoch, turn.phase
        model = subject.network.model
        steps = phase.steps or turn.epochs * per_epoch
        with subject.strategy.scope():
            phase.prepare(subject.network, self._freezing)
            replicas = subject.strategy.num_replicas_in_sync
            peak = scaled_learning_rate(self._section.distribution, phase.learning_rate, replicas)
            rate = learning_rate(phase.schedule, peak, steps=steps, steps_per_epoch=per_epoch)
            with_state = subject.options.starting if turn.number == 0 and self._section.recipe.optimizer_state else None
            if with_state is not None:
                rate = shifted(rate, steps_before(with_state))
            compile_network(subject.network, subject.options, subject.facts, rate)
            if with_state is not None and turn.reached is None:
                take_optimizer_state(model, with_state)
        start = turn.start
        best = BestEpoch(phase.kept, self._store, self.history) if phase.kept else None
        keep = self._keep(best)
        callbacks = self._callbacks(turn, best, keep)
        first, end = turn.offset + start.epoch, turn.offset + turn.epochs
        if start.step:
            # Keras counts steps from an epoch's start, so the rest of one is a short epoch of its own.
            run_epochs(subject, first, first + 1, callbacks, first_step=start.step)
            first += 1
        if first < end and not (start.step and model.stop_training):
            run_epochs(subject, first, end, callbacks)
        self.best_epoch = self.history.epochs - 1
        if best is not None and best.best_index is not None and not self.objective.reached:
            best.put_back()
            self.best_epoch = best.best_index
        if keep is not None:
            keep.keep_best(model)
        if self._store is not None:
            save_state(
                self._store,
                Position(_NO_PHASE if self._is_over else turn.number + 1),
                read_weights(model),
                self._lasting,
                self.clock.seconds(),
                best_epoch=self.best_epoch,
                is_boundary=True,
            )

    def _keep(self, best: BestEpoch | None) -> KeepCheckpoints | None:
        section, folder = self._section.checkpoint.keep, self._subject.run_folder
        if folder is None or not (section.best or section.every_epochs):
            return None
        return KeepCheckpoints(section, os.path.join(folder, CHECKPOINTS_FOLDER), self.history, best)

    def _tensorboard(self, run_folder: str) -> TensorBoardLog:
        subject = self._subject
        # The chief's alone, so it reads the whole split rather than its share.
        whole = dataclasses.replace(subject.batches, place=ALONE)
        return TensorBoardLog(
            os.path.join(run_folder, TENSORBOARD_FOLDER),
            self.history,
            labels=subject.facts.labels,
            outcomes=subject.outcomes,
            batches=whole.of_evaluation,
            pictures_every=self._section.tensorboard.pictures_every if subject.task.has_classes else None,
        )

    def _callbacks(
        self, turn: _Turn, best: BestEpoch | None, keep: KeepCheckpoints | None
    ) -> list[keras.callbacks.Callback]:
        """In the order in which Keras calls them: what changes weights, what looks at them, what saves all of it."""
        phase, per_epoch = turn.phase, self._subject.batches.per_epoch
        resumables: list[Resumable] = []
        if self._section.optimizer.ema_momentum is not None:
            resumables.append(EvaluateMovingAverage())
        resumables += self._lasting
        if phase.schedule.name == "plateau":
            resumables.append(Plateau(phase.schedule, phase.plateau_watched))
        if best is not None:
            resumables.append(best)
        if phase.watched is not None and phase.patience is not None:
            resumables.append(Patience(phase.watched, phase.patience))
        found: list[keras.callbacks.Callback] = []
        if phase.steps is not None:
            found.append(StopAtStep(phase.steps - turn.start.epoch * per_epoch - turn.start.step))
        report = ReportEpochs(phase.name, turn.offset, turn.epochs)
        found += [report, *resumables, *self._subject.own_callbacks]
        if keep is not None:
            found.append(keep)
        if self._section.tensorboard.enabled and self._subject.run_folder is not None:
            found.append(self._tensorboard(self._subject.run_folder))
        if self._store is not None:
            saver = StateSaver(
                self._store,
                self._section.checkpoint,
                resumables,
                phase=turn.number,
                offset=turn.offset,
                # Keras ends each call of `fit` with the moving average as the weights, and the rest of an epoch is one.
                within_epochs=self._section.optimizer.ema_momentum is None,
                steps_per_epoch=per_epoch,
                clock=self.clock,
                has_epochs=lambda: self._has_epochs,
                strategy=self._subject.strategy,
            )
            if turn.reached is not None:
                saver.go_on_from(turn.reached)
            found.append(saver)
        return found
