"""Fitting: a network, the phases of its recipe, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from darkroom.configuration.training_section import TrainingSection
from darkroom.errors import ConfigurationError
from pipeline.distribution.batch_norm import synchronize_batch_norm
from pipeline.distribution.precision import compute_in_float32, precision
from pipeline.distribution.shares import place_of
from pipeline.distribution.strategy import make_strategy
from pipeline.features import TRAIN_SPLIT
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.models.network import Network
from pipeline.models.task import Task
from pipeline.training.augmentation.augmenter import Augmenter
from pipeline.training.batches import Batches
from pipeline.training.callbacks import own_callbacks
from pipeline.training.compilation import compile_network, make_network
from pipeline.training.dataset import LabelForm
from pipeline.training.losses import class_weight_vector, wants_one_hot
from pipeline.training.options import TrainerOptions
from pipeline.training.recipes.phase import Watched
from pipeline.training.recipes.plan import plan
from pipeline.training.session import Session, Subject
from pipeline.training.split_files import SplitFiles
from pipeline.training.state.store import StateStore
from pipeline.training.warm_start import take_weights
from preprocessing.graph import PreprocessingGraph


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

    def at_best(self, metric: str) -> float | None:
        """A metric at the best epoch; None if it was not measured."""
        values = self.history.get(metric)
        return float(values[self.best_epoch - 1]) if values else None


def fit(
    options: TrainerOptions,
    graph: PreprocessingGraph,
    train: SplitFiles,
    evaluation: SplitFiles,
    *,
    facts: DatasetFacts,
    store: StateStore | None = None,
    strategy: tf.distribute.Strategy | None = None,
) -> FitResult:
    """Builds the network and trains it by its recipe; goes on where an earlier session with the same store ended.

    Args:
        options: what to train and how.
        graph: the run's preprocessing.
        train, evaluation: the splits.
        facts: of the data set: labels and counts.
        store: where the training's state is kept; None keeps none.
        strategy: where it runs, if made before; `multi_worker` must be, before TensorFlow first computes.

    Raises:
        darkroom.errors.ConfigurationError: architecture, weights, the user's code, the recipe or an option does not fit
            these images or this task.
        darkroom.errors.TrainingPausedError: the session's time is up.
    """
    section, task, n_classes = options.training, Task.MULTICLASS, len(facts.labels)
    # Seeds Python, NumPy and TensorFlow: weights and dropout derive from it; order and augmentation have their own.
    keras.utils.set_random_seed(section.seed)
    if section.deterministic:
        tf.config.experimental.enable_op_determinism()
    strategy = strategy or make_strategy(section.distribution)
    with strategy.scope(), precision(section.precision):
        network = make_network(options, task, n_classes)
        if options.starting is not None:
            take_weights(network, options.starting, facts.labels)
        if section.distribution.sync_batch_norm:
            synchronize_batch_norm(network.model)
        phases = plan(section, network, train.size / n_classes)
        # The loss tells in which form it wants its labels; each phase compiles anew.
        compile_network(network, options, task, section.learning_rate)
    form = _label_form(network.model, section, facts)
    augmenter = Augmenter(section.augmentation, graph, n_classes, options.own_code)
    batches = Batches(train, evaluation, graph, section, augmenter, form, place_of(strategy))
    watched = phases[0].watched or Watched("val_loss", greater_is_better=False)
    own = own_callbacks(options.own_code, watched.metric, watched.greater_is_better)
    session = Session(Subject(network, task, options, batches, strategy, own), store)
    session.run(phases)
    compute_in_float32(network.model)
    return FitResult(
        network=network,
        task=task,
        phases=tuple(phase.name for phase in phases),
        epochs_run=session.history.epochs,
        best_epoch=session.best_epoch + 1,
        history=session.history.values,
        replicas=strategy.num_replicas_in_sync,
        seconds=session.clock.seconds(),
    )


def _label_form(model: keras.Model, section: TrainingSection, facts: DatasetFacts) -> LabelForm:
    one_hot = wants_one_hot(model)
    if section.augmentation.mixes_labels and not one_hot:
        raise ConfigurationError(
            "training.augmentation mixes labels (mixup, cutmix), but the loss takes class ids; compile the model with "
            "categorical_crossentropy, or leave mixing out"
        )
    weights = class_weight_vector(section.class_weights, facts.labels, facts.counts.get(TRAIN_SPLIT, {}))
    return LabelForm(len(facts.labels), one_hot, weights)
