"""What happens beside the steps of training."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras

from darkroom.errors import ConfigurationError
from pipeline.models.own_code import OwnCode
from pipeline.progress import EpochProgress, reporter
from pipeline.training.watching.resumable import Resumable


class ReportEpochs(keras.callbacks.Callback):
    """Passes each epoch's metrics to the progress reporter, counted within its phase."""

    def __init__(self, phase: str, offset: int, epochs: int) -> None:
        super().__init__()
        self._phase, self._offset, self._epochs = phase, offset, epochs
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Reports."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        seconds = time.monotonic() - self._started
        reporter().epoch(EpochProgress(epoch + 1 - self._offset, self._epochs, metrics, seconds, self._phase))


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


class EvaluateMovingAverage(keras.callbacks.SwapEMAWeights, Resumable):
    """Puts the moving average of the weights in their place for evaluation, and at the end for good."""

    key: ClassVar[str] = "moving_average"

    def __init__(self) -> None:
        super().__init__(swap_on_epoch=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Swaps; Keras makes the swap final after the last epoch alone, not when training was ended before."""
        super().on_epoch_end(epoch, logs)
        if self.model.stop_training and epoch != self.params["epochs"] - 1:
            self._finalize_ema_values()

    def state(self) -> dict[str, Any]:
        """Whether the averages are in the weights' place."""
        return {"swapped": self._ema_weights_in_model}

    def restore(self, state: dict[str, Any]) -> None:
        """Puts that back."""
        self._ema_weights_in_model = state["swapped"]


def own_callbacks(own: OwnCode | None, metric: str, greater_is_better: bool) -> tuple[keras.callbacks.Callback, ...]:
    """What the user's `callbacks` gives.

    Args:
        own: the user's module.
        metric: what decides when training ends.
        greater_is_better: whether it shall rise.

    Raises:
        ConfigurationError: it gives something else than callbacks.
    """
    hook: Callable[..., Any] | None = own.hook("callbacks") if own else None
    if own is None or hook is None:
        return ()
    returned = hook(metric, greater_is_better)
    if not isinstance(returned, Sequence) or not all(isinstance(one, keras.callbacks.Callback) for one in returned):
        raise ConfigurationError(
            f"{own.module}.callbacks must return a list of keras.callbacks.Callback, but returned {returned!r}"
        )
    return tuple(returned)
