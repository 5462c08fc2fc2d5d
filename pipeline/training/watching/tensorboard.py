"""A training's course for TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from darkroom.configuration.metrics_section import EVAL_PREFIX
from pipeline.training.metrics.outcomes import Outcomes
from pipeline.training.watching.confusion_picture import confusion_figure
from pipeline.training.watching.history import LEARNING_RATE, PHASE, History
from pipeline.training.watching.pictures import pixels
from pipeline.training.watching.samples_picture import samples_figure

_SAMPLES = 16


class TensorBoardLog(keras.callbacks.Callback):
    """Writes the scalars of each epoch, and pictures now and then.

    Training and eval curves lie in folders of their own, `train` and `validation`, as Keras has them, so that
    TensorBoard draws both into one diagram. Epochs of earlier sessions are written again: a run that goes on has a new
    folder.
    """

    def __init__(
        self,
        folder: str,
        history: History,
        *,
        labels: Sequence[str],
        outcomes: Outcomes,
        batches: Callable[[], tf.data.Dataset],
        pictures_every: int | None,
    ) -> None:
        """Takes what to write.

        Args:
            folder: of the logs.
            history: called before this one, so that the epoch is its last.
            labels: class names in id order.
            outcomes: the form of labels and predictions.
            batches: one pass over the eval split.
            pictures_every: epochs between two sets of pictures, each of which costs such a pass; None draws none.
        """
        super().__init__()
        self._folder, self._history, self._labels, self._outcomes = folder, history, tuple(labels), outcomes
        self._batches, self._pictures_every = batches, pictures_every
        self._written = 0
        self._writers: dict[str, tf.summary.SummaryWriter] = {}
        self._predict: Any = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes what is new."""
        for step in range(self._written, self._history.epochs):
            self._write_scalars(step)
        self._written = self._history.epochs
        if self._pictures_every is not None and self._written % self._pictures_every == 0:
            self._write_pictures(self._written)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Lets go of the network that was traced; the next phase compiles it anew."""
        self._predict = None

    def _write_scalars(self, place: int) -> None:
        for name, values in self._history.values.items():
            if name == PHASE or place >= len(values):
                continue
            is_eval = name.startswith(EVAL_PREFIX)
            group = "training" if name == LEARNING_RATE else "metrics"
            with self._writer("validation" if is_eval else "train").as_default(step=place + 1):
                tf.summary.scalar(f"{group}/{name.removeprefix(EVAL_PREFIX)}", values[place])

    def _write_pictures(self, epoch: int) -> None:
        if self._predict is None:
            self._predict = tf.function(lambda images: self.model(images, training=False), reduce_retracing=True)
        matrix = np.zeros((len(self._labels), len(self._labels)), np.int64)
        samples = None
        for images, encoded, *_ in self._batches():
            probabilities = keras.ops.convert_to_numpy(self._outcomes.probabilities(self._predict(images)))
            ids = keras.ops.convert_to_numpy(self._outcomes.ids(encoded))
            np.add.at(matrix, (ids, probabilities.argmax(axis=1)), 1)
            if samples is None:
                samples = (images.numpy()[:_SAMPLES], ids[:_SAMPLES], probabilities[:_SAMPLES])
        with self._writer("validation").as_default(step=epoch):
            tf.summary.image("confusion_matrix", pixels(confusion_figure(matrix, self._labels))[np.newaxis])
            if samples is not None:
                tf.summary.image("predictions", pixels(samples_figure(*samples, self._labels))[np.newaxis])

    def _writer(self, split: str) -> tf.summary.SummaryWriter:
        if split not in self._writers:
            self._writers[split] = tf.summary.create_file_writer(os.path.join(self._folder, split))
        return self._writers[split]
