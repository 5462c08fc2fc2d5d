"""Networks kept while a training runs, for people to look at and go on with."""

from __future__ import annotations

import os
from typing import Any

import keras
import tensorflow as tf

from darkroom.configuration.checkpoint_section import KeepSection
from pipeline.models.predictor import save_network
from pipeline.training.watching.best_epoch import BestEpoch
from pipeline.training.watching.history import History

BEST_FILE = "best.keras"


class KeepCheckpoints(keras.callbacks.Callback):
    """Writes `.keras` files: of every so many epochs, of the best one, or both."""

    def __init__(self, section: KeepSection, folder: str, history: History, best: BestEpoch | None) -> None:
        """Takes what to keep.

        Args:
            section: which epochs.
            folder: where to.
            history: called before this one, so that the epoch is its last.
            best: likewise; None where the phase has no best epoch, so that its last one is kept as such.
        """
        super().__init__()
        self._section, self._folder, self._history, self._best = section, folder, history, best

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes if it is time."""
        number = self._history.epochs
        if self._section.every_epochs is not None and number % self._section.every_epochs == 0:
            self._write(f"epoch-{number:04}.keras", self.model)
        if self._section.best and self._best is not None and self._best.best_index == number - 1:
            self._write(BEST_FILE, self.model)

    def keep_best(self, model: keras.Model) -> None:
        """Writes the weights that a phase ends with, which a session that went on may have found before."""
        if self._section.best:
            self._write(BEST_FILE, model)

    def _write(self, name: str, model: keras.Model) -> None:
        tf.io.gfile.makedirs(self._folder)
        save_network(model, os.path.join(self._folder, name))
