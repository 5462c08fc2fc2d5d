"""One training, phase after phase; it goes on where an earlier session of it was ended."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import keras
import tensorflow as tf

from pipeline.distribution.distributed import distributed
from pipeline.distribution.learning_rate_scaling import scaled_learning_rate
from pipeline.distribution.replica_training import trained_in_replicas
from pipeline.models.network import Network
from pipeline.models.task import Task
from pipeline.progress import reporter
from pipeline.training.batches import Batches
from pipeline.training.callbacks import EvaluateMovingAverage, ReportEpochs, StopAtStep
from pipeline.training.compilation import compile_network
from pipeline.training.options import TrainerOptions
from pipeline.training.recipes.freezing import Freezing
from pipeline.training.recipes.phase import Phase
from pipeline.training.schedules import learning_rate, shifted
from pipeline.training.state.clock import Clock
from pipeline.training.state.saver import Position, SavedState, StateSaver, read_state, save_state
from pipeline.training.state.store import StateStore
from pipeline.training.state.variables import read_weights, write_weights
from pipeline.training.warm_start import steps_before, take_optimizer_state
from pipeline.training.watching.best_epoch import BestEpoch
from pipeline.training.watching.history import History
from pipeline.training.watching.patience import Patience
from pipeline.training.watching.plateau import Plateau
from pipeline.training.watching.resumable import Resumable

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is trained, on what, and where.

    Attributes:
        network: with its starting weights.
        task: what it predicts.
        options: of the training.
        batches: its data.
        strategy: the network was made under.
        own_callbacks: the user's.
    """

    network: Network
    task: Task
    options: TrainerOptions
    batches: Batches
    strategy: tf.distribute.Strategy
    own_callbacks: tuple[keras.callbacks.Callback, ...] = ()


class Session:
    """Runs the phases of a recipe.

    Attributes:
        history: the curves, over all phases and sessions.
        best_epoch: index in the history of the epoch whose weights the network has.
        clock: the time it takes.
    """

    def __init__(self, subject: Subject, store: StateStore | None) -> None:
        """Takes what to train.

        Args:
            subject: the network and its data.
            store: where the state is kept; None keeps none.
        """
        section = subject.options.training
        self._subject, self._store, self._section = subject, store, section
        self._saved = read_state(store) if store is not None and section.checkpoint.resume else None
        self._freezing = Freezing(subject.network)
        self.history = History()
        self.best_epoch = 0
        self.clock = Clock(self._saved.seconds if self._saved else 0.0, section.max_minutes)

    def run(self, phases: tuple[Phase, ...]) -> None:
        """Trains.

        Raises:
            TrainingPausedError: the session's time is up; the next session goes on.
        """
        saved, offset = self._saved, 0
        if saved is not None:
            self._go_on(saved)
        for number, phase in enumerate(phases):
            epochs = phase.epochs_for(self._subject.batches.per_epoch)
            if saved is None or number >= saved.position.phase:
                self.history.phase = phase.name
                reached = saved if saved is not None and saved.position.phase == number else None
                self._run_phase(number, phase, offset, epochs, reached if reached and not reached.is_boundary else None)
            offset += epochs

    def _go_on(self, saved: SavedState) -> None:
        self.history.restore(saved.callbacks[History.key])
        self.best_epoch = saved.best_epoch
        if saved.is_boundary:
            write_weights(self._subject.network.model, saved.variables)
        where = f"epoch {saved.position.epoch + 1}, step {saved.position.step} of phase {saved.position.phase + 1}"
        reporter().note(f"Training goes on from a saved state: {where}")

    def _run_phase(self, number: int, phase: Phase, offset: int, epochs: int, reached: SavedState | None) -> None:
        subject, per_epoch = self._subject, self._subject.batches.per_epoch
        model = subject.network.model
        steps = phase.steps or epochs * per_epoch
        with subject.strategy.scope():
            phase.prepare(subject.network, self._freezing)
            replicas = subject.strategy.num_replicas_in_sync
            peak = scaled_learning_rate(self._section.distribution, phase.learning_rate, replicas)
            rate = learning_rate(phase.schedule, peak, steps=steps, steps_per_epoch=per_epoch)
            with_state = subject.options.starting if number == 0 and self._section.recipe.optimizer_state else None
            if with_state is not None:
                rate = shifted(rate, steps_before(with_state))
            compile_network(subject.network, subject.options, subject.task, rate)
            if with_state is not None and reached is None:
                take_optimizer_state(model, with_state)
        start = reached.position if reached else Position(number)
        best = BestEpoch(phase.kept, self._store, self.history) if phase.kept else None
        callbacks = self._callbacks(number, phase, offset, best, reached)
        first, end = offset + start.epoch, offset + epochs
        if start.step:
            # Keras counts steps from an epoch's start, so the rest of one is a short epoch of its own.
            self._fit(first, first + 1, start.step, callbacks)
            first += 1
        if first < end and not (start.step and model.stop_training):
            self._fit(first, end, 0, callbacks)
        self.best_epoch = self.history.epochs - 1
        if best is not None and best.best_index is not None:
            best.put_back()
            self.best_epoch = best.best_index
        if self._store is not None:
            save_state(
                self._store,
                Position(number + 1),
                read_weights(model),
                [self.history],
                self.clock.seconds(),
                best_epoch=self.best_epoch,
                is_boundary=True,
            )

    def _fit(self, first: int, end: int, first_step: int, callbacks: list[keras.callbacks.Callback]) -> None:
        batches, model, strategy = self._subject.batches, self._subject.network.model, self._subject.strategy
        training = batches.of_training(first, end, first_step)
        with strategy.scope():
            # Keras would make the metrics' and the optimizer's variables in the first step; a stored state needs them
            # before that.
            model._symbolic_build(data_batch=training.element_spec)
        with trained_in_replicas(model, strategy, batch_size=self._section.batch_size):
            model.fit(
                distributed(training, strategy),
                validation_data=distributed(batches.of_evaluation(), strategy),
                initial_epoch=first,
                epochs=end,
                steps_per_epoch=batches.per_epoch - first_step,
                callbacks=callbacks,
                verbose=0,
            )

    def _callbacks(
        self,
        number: int,
        phase: Phase,
        offset: int,
        best: BestEpoch | None,
        reached: SavedState | None,
    ) -> list[keras.callbacks.Callback]:
        """In the order in which Keras calls them: what changes weights, what looks at them, what saves all of it."""
        per_epoch = self._subject.batches.per_epoch
        resumables: list[Resumable] = []
        if self._section.optimizer.ema_momentum is not None:
            resumables.append(EvaluateMovingAverage())
        resumables.append(self.history)
        if phase.schedule.name == "plateau":
            resumables.append(Plateau(phase.schedule, phase.plateau_watched))
        if best is not None:
            resumables.append(best)
        if phase.watched is not None and phase.patience is not None:
            resumables.append(Patience(phase.watched, phase.patience))
        found: list[keras.callbacks.Callback] = []
        if phase.steps is not None:
            start = reached.position if reached else Position(number)
            found.append(StopAtStep(phase.steps - start.epoch * per_epoch - start.step))
        report = ReportEpochs(phase.name, offset, phase.epochs_for(per_epoch))
        found += [*resumables, report, *self._subject.own_callbacks]
        if self._store is not None:
            saver = StateSaver(
                self._store,
                self._section.checkpoint,
                resumables,
                phase=number,
                offset=offset,
                # Keras ends each call of `fit` with the moving average as the weights, and the rest of an epoch is one.
                within_epochs=self._section.optimizer.ema_momentum is None,
                clock=self.clock,
                strategy=self._subject.strategy,
            )
            if reached is not None:
                saver.go_on_from(reached)
            found.append(saver)
        return found
