"""Fitting: a network, the phases of its recipe, and what came of it."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from darkroom.task import Task
from pipeline.distribution.precision import compute_in_float32
from pipeline.distribution.strategy import make_strategy
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.models.network import Network
from pipeline.progress import reporter
from pipeline.training.feeding.choice import Choice
from pipeline.training.feeding.feeding import feeding
from pipeline.training.from_scratch import fallback_store, from_scratch, reached_from_scratch
from pipeline.training.options import TrainerOptions
from pipeline.training.preparation import Material
from pipeline.training.recipes.phase import Phase
from pipeline.training.session import Session
from pipeline.training.split_files import SplitFiles
from pipeline.training.state.store import StateStore
from pipeline.training.subject import Subject
from pipeline.training.watching.curves import write_curves
from pipeline.training.watching.finding import Finding
from pipeline.training.watching.history import LEARNING_RATE, PHASE
from preprocessing.graph import PreprocessingGraph

# In the Trainer's `model_run` folder.
CURVES_FOLDER = "curves"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FitResult:
    """What training did.

    Attributes:
        network: with the weights of the last phase's best epoch.
        task: what it predicts.
        phases: names of those that ran.
        epochs_run: how many epochs ran, the last one perhaps in part.
        best_epoch: from 1; the one whose weights the network has.
        history: a value of each metric for each epoch, over all phases.
        replicas: how many devices trained in sync.
        findings: of the diagnosis.
        ended: why the objective ended it; None if it did not.
        transfer: what the first epochs reached at best, by which metric, and what it was compared with.
        fallbacks: how often training began anew, from scratch: 0 or 1.
        feeding: how the examples came to the network.
        seconds: duration of fitting, earlier sessions included.
    """

    network: Network
    task: Task
    phases: tuple[str, ...]
    epochs_run: int
    best_epoch: int
    history: dict[str, list[Any]]
    replicas: int
    seconds: float
    findings: tuple[Finding, ...] = ()
    ended: str | None = None
    transfer: dict[str, str | float | None] = field(default_factory=dict)
    fallbacks: int = 0
    feeding: Choice | None = None

    def at_best(self, metric: str) -> float | None:
        """A metric at the best epoch; None if it was not measured."""
        values = self.history.get(metric)
        return float(values[self.best_epoch - 1]) if values else None

    @property
    def metrics_at_best(self) -> dict[str, float]:
        """Loss and metrics of both splits at the best epoch."""
        return {
            name: value
            for name in self.history
            if name not in (PHASE, LEARNING_RATE) and (value := self.at_best(name)) is not None
        }


def fit(
    options: TrainerOptions,
    graph: PreprocessingGraph,
    train: SplitFiles,
    evaluation: SplitFiles,
    *,
    facts: DatasetFacts,
    store: StateStore | None = None,
    strategy: tf.distribute.Strategy | None = None,
    run_folder: str | None = None,
    pause_after: int | None = None,
) -> FitResult:
    """Builds the network and trains it by its recipe; goes on where an earlier session with the same store ended.

    Args:
        options: what to train and how.
        graph: the run's preprocessing.
        train, evaluation: the splits.
        facts: of the data set: labels and counts.
        store: where the training's state is kept; None keeps none.
        strategy: where it runs, if made before; `multi_worker` must be, before TensorFlow first computes.
        run_folder: where curves, logs and checkpoints go; None writes none.
        pause_after: epochs, over all phases and sessions, after which it is saved and paused; None never does.

    Raises:
        darkroom.errors.ConfigurationError: architecture, weights, the user's code, the recipe or an option does not fit
            these images or this task.
        darkroom.errors.DataError: the disk has no room for the segments of hybrid feeding.
        darkroom.errors.TrainingPausedError: the session's time is up, or it has its epochs.
        darkroom.errors.DarkroomError: the loss is no longer a number.
    """
    if options.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    strategy = strategy or make_strategy(options.training.distribution)
    with feeding(train, evaluation, graph, options.training, strategy) as fed:
        return _fit(options, Material(fed, facts, strategy, run_folder), store, pause_after)


def _fit(options: TrainerOptions, material: Material, store: StateStore | None, pause_after: int | None) -> FitResult:
    """Trains; again, from scratch, where that is better."""
    subject, phases = material.prepare(options, reached_from_scratch(material, options, store))
    session = _run(subject, phases, store, pause_after)
    transfer, findings, seconds = session.transfer, session.diagnose.findings, session.clock.seconds()
    if transfer.falls_back:
        note = "The weights from elsewhere do not help: training begins anew, from scratch."
        _log.warning("%s", note)
        reporter().note(note)
        subject, phases = material.prepare(from_scratch(options))
        session = _run(subject, phases, fallback_store(store) if store is not None else None, pause_after)
        findings, seconds = [*findings, *session.diagnose.findings], seconds + session.clock.seconds()
    compute_in_float32(subject.network.model)
    return FitResult(
        network=subject.network,
        task=subject.task,
        phases=tuple(phase.name for phase in phases),
        epochs_run=session.history.epochs,
        best_epoch=session.best_epoch + 1,
        history=session.history.values,
        replicas=material.strategy.num_replicas_in_sync,
        seconds=seconds,
        findings=tuple(findings),
        ended=session.objective.ended,
        transfer={
            "metric": transfer.trivial.metric,
            "reached": transfer.reached,
            "trivial": transfer.trivial.value,
            "scratch": transfer.scratch,
        },
        fallbacks=int(transfer.falls_back),
        feeding=material.feeding.choice,
    )


def _run(subject: Subject, phases: tuple[Phase, ...], store: StateStore | None, pause_after: int | None) -> Session:
    """Trains; the curves are drawn however it ends."""
    session = Session(subject, store, pause_after)
    best = None
    try:
        session.run(phases)
        best = session.best_epoch + 1
    finally:
        if subject.run_folder is not None and session.history.epochs:
            write_curves(session.history.values, os.path.join(subject.run_folder, CURVES_FOLDER), best)
    return session
