"""Fitting: strategy, optimizer, schedule, early stopping."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from darkroom.configuration.sections import TrainingSection
from pipeline.progress import EpochProgress, reporter
from pipeline.training.architectures import build_classifier
from pipeline.training.dataset import SplitFiles, image_batches
from pipeline.training.options import TrainerOptions
from preprocessing.graph import PreprocessingGraph

# The cosine ends at this share of the peak learning rate rather than at zero, so that the last epochs still learn.
_FINAL_LEARNING_RATE_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class FitResult:
    """What training did.

    Attributes:
        model: with the weights of the best epoch.
        epochs_run: how many epochs ran.
        best_epoch: from 1; the one with the lowest eval loss.
        history: Keras's history, a value for each epoch.
        replicas: how many devices trained in sync.
        seconds: duration of fitting.
    """

    model: keras.Model
    epochs_run: int
    best_epoch: int
    history: dict[str, list[float]]
    replicas: int
    seconds: float

    def at_best(self, metric: str) -> float:
        """A metric at the best epoch."""
        return self.history[metric][self.best_epoch - 1]


def distribution_strategy(section: TrainingSection) -> tf.distribute.Strategy:
    """The tf.distribute strategy that the configuration names."""
    if section.strategy == "mirrored":
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def fit(
    options: TrainerOptions, graph: PreprocessingGraph, train: SplitFiles, evaluation: SplitFiles, n_classes: int
) -> FitResult:
    """Builds the network and fits it.

    Raises:
        darkroom.errors.ConfigurationError: the architecture does not exist or does not take these images.
    """
    section = options.training
    # Seeds Python, NumPy and TensorFlow: weights, dropout and shuffling all derive from it.
    keras.utils.set_random_seed(section.seed)
    if section.deterministic:
        tf.config.experimental.enable_op_determinism()
    strategy = distribution_strategy(section)
    with strategy.scope():
        model = build_classifier(options.model, graph.spec.pixel_shape, n_classes)
        model.compile(
            optimizer=keras.optimizers.Adam(_schedule(section, train.size)),
            loss=keras.losses.SparseCategoricalCrossentropy(),
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        )
    start = time.monotonic()
    history = model.fit(
        image_batches(train, graph, section, training=True),
        validation_data=image_batches(evaluation, graph, section, training=False),
        epochs=section.epochs,
        callbacks=[_ReportEpochs(section.epochs), *_early_stopping(section)],
        verbose=0,
    ).history
    losses = history["val_loss"]
    best = min(range(len(losses)), key=losses.__getitem__) if section.early_stopping else len(losses) - 1
    return FitResult(
        model=model,
        epochs_run=len(losses),
        best_epoch=best + 1,
        history=history,
        replicas=strategy.num_replicas_in_sync,
        seconds=time.monotonic() - start,
    )


def _schedule(section: TrainingSection, train_size: int) -> keras.optimizers.schedules.LearningRateSchedule:
    steps = section.epochs * math.ceil(train_size / section.batch_size)
    return keras.optimizers.schedules.CosineDecay(section.learning_rate, steps, alpha=_FINAL_LEARNING_RATE_SHARE)


def _early_stopping(section: TrainingSection) -> list[keras.callbacks.Callback]:
    rule = section.early_stopping
    if rule is None:
        return []
    return [
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=rule.patience, min_delta=rule.min_delta, restore_best_weights=True
        )
    ]


class _ReportEpochs(keras.callbacks.Callback):
    """Passes each epoch's metrics to the progress reporter."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        reporter().epoch(EpochProgress(epoch + 1, self._epochs, metrics, time.monotonic() - self._started))
