"""What happens beside the steps of training."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import keras

from darkroom.configuration.training_section import TrainingSection
from darkroom.errors import ConfigurationError
from pipeline.models.own_code import OwnCode
from pipeline.progress import EpochProgress, reporter
from pipeline.training.schedules import schedule_callbacks

# What early stopping and the plateau schedule watch.
WATCHED_METRIC = "val_loss"
GREATER_IS_BETTER = False


def training_callbacks(
    section: TrainingSection, own: OwnCode | None, *, epochs: int, steps: int
) -> list[keras.callbacks.Callback]:
    """All callbacks of a training, in the order in which Keras calls them.

    Args:
        section: early stopping, schedule, moving average.
        own: the user's module, if any.
        epochs: of the whole training.
        steps: of the whole training.
    """
    found: list[keras.callbacks.Callback] = [StopAtStep(steps)]
    if section.optimizer.ema_momentum is not None:
        # Before early stopping, which keeps the weights it finds at the end of an epoch.
        found.append(EvaluateMovingAverage())
    found.append(ReportEpochs(epochs))
    found += schedule_callbacks(section.schedule, WATCHED_METRIC, GREATER_IS_BETTER)
    rule = section.early_stopping
    if rule is not None:
        found.append(
            keras.callbacks.EarlyStopping(
                monitor=WATCHED_METRIC, patience=rule.patience, min_delta=rule.min_delta, restore_best_weights=True
            )
        )
    return found + _own_callbacks(own)


class ReportEpochs(keras.callbacks.Callback):
    """Passes each epoch's metrics to the progress reporter."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Reports."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        reporter().epoch(EpochProgress(epoch + 1, self._epochs, metrics, time.monotonic() - self._started))


class StopAtStep(keras.callbacks.Callback):
    """Ends training after a number of steps, wherever in an epoch that is."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts."""
        self._left -= 1
        if self._left == 0:
            self.model.stop_training = True


class EvaluateMovingAverage(keras.callbacks.SwapEMAWeights):
    """Puts the moving average of the weights in their place for evaluation, and at the end for good."""

    def __init__(self) -> None:
        super().__init__(swap_on_epoch=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Swaps; Keras makes the swap final after the last epoch alone, not when training was ended before."""
        super().on_epoch_end(epoch, logs)
        if self.model.stop_training and epoch != self.params["epochs"] - 1:
            self._finalize_ema_values()


def _own_callbacks(own: OwnCode | None) -> list[keras.callbacks.Callback]:
    hook: Callable[..., Any] | None = own.hook("callbacks") if own else None
    if own is None or hook is None:
        return []
    returned = hook(WATCHED_METRIC, GREATER_IS_BETTER)
    if not isinstance(returned, Sequence) or not all(isinstance(one, keras.callbacks.Callback) for one in returned):
        raise ConfigurationError(
            f"{own.module}.callbacks must return a list of keras.callbacks.Callback, but returned {returned!r}"
        )
    return list(returned)
