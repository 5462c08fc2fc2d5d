"""Fitting: a network, batches, callbacks, and what came of it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import keras
import tensorflow as tf

from darkroom.configuration.training_section import TrainingSection
from darkroom.errors import ConfigurationError
from pipeline.features import TRAIN_SPLIT
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.models.network import Network
from pipeline.models.task import Task
from pipeline.training.augmentation.augmenter import Augmenter
from pipeline.training.callbacks import training_callbacks
from pipeline.training.compilation import compile_network, make_network
from pipeline.training.dataset import LabelForm, evaluation_batches, steps_per_epoch, training_batches
from pipeline.training.losses import class_weight_vector, wants_one_hot
from pipeline.training.options import TrainerOptions
from pipeline.training.schedules import learning_rate
from pipeline.training.split_files import SplitFiles
from preprocessing.graph import PreprocessingGraph


@dataclass(frozen=True, slots=True)
class FitResult:
    """What training did.

    Attributes:
        network: with the weights of the best epoch.
        task: what it predicts.
        epochs_run: how many epochs ran, the last one perhaps in part.
        best_epoch: from 1; the one with the lowest eval loss.
        history: Keras's history, a value for each epoch.
        replicas: how many devices trained in sync.
        seconds: duration of fitting.
    """

    network: Network
    task: Task
    epochs_run: int
    best_epoch: int
    history: dict[str, list[float]]
    replicas: int
    seconds: float

    def at_best(self, metric: str) -> float | None:
        """A metric at the best epoch; None if it was not measured."""
        values = self.history.get(metric)
        return values[self.best_epoch - 1] if values else None


def distribution_strategy(section: TrainingSection) -> tf.distribute.Strategy:
    """The tf.distribute strategy that the configuration names."""
    if section.strategy == "mirrored":
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def fit(
    options: TrainerOptions, graph: PreprocessingGraph, train: SplitFiles, evaluation: SplitFiles, facts: DatasetFacts
) -> FitResult:
    """Builds the network and fits it.

    Raises:
        darkroom.errors.ConfigurationError: architecture, weights, the user's code or an option does not fit these
            images or this task.
    """
    section, task, n_classes = options.training, Task.MULTICLASS, len(facts.labels)
    # Seeds Python, NumPy and TensorFlow: weights and dropout derive from it; order and augmentation have their own.
    keras.utils.set_random_seed(section.seed)
    if section.deterministic:
        tf.config.experimental.enable_op_determinism()
    per_epoch = steps_per_epoch(train.size, section)
    steps = section.steps or section.epochs * per_epoch
    epochs = math.ceil(steps / per_epoch)
    strategy = distribution_strategy(section)
    with strategy.scope():
        network = make_network(options, task, n_classes)
        rate = learning_rate(section.schedule, section.learning_rate, steps=steps, steps_per_epoch=per_epoch)
        compile_network(network, options, task, rate)
    form = _label_form(network.model, section, facts)
    augmenter = Augmenter(section.augmentation, graph, n_classes, options.own_code)
    start = time.monotonic()
    history = network.model.fit(
        training_batches(train, graph, section, augmenter, form, epochs=epochs),
        validation_data=evaluation_batches(evaluation, graph, section, form),
        epochs=epochs,
        steps_per_epoch=per_epoch,
        callbacks=training_callbacks(section, options.own_code, epochs=epochs, steps=steps),
        verbose=0,
    ).history
    losses = history["val_loss"]
    best = min(range(len(losses)), key=losses.__getitem__) if section.early_stopping else len(losses) - 1
    return FitResult(
        network=network,
        task=task,
        epochs_run=len(losses),
        best_epoch=best + 1,
        history=history,
        replicas=strategy.num_replicas_in_sync,
        seconds=time.monotonic() - start,
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
