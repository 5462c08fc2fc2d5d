"""One phase of a training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from darkroom.configuration.schedule_section import ScheduleSection
from darkroom.errors import ConfigurationError
from pipeline.models.network import Network
from pipeline.training.recipes.freezing import Freezing

# The layer that `pipeline.models.head` puts before the output.
_HEAD_DROPOUT = "head_dropout"


@dataclass(frozen=True, slots=True)
class Watched:
    """The metric that decides which epoch is best.

    Attributes:
        metric: by Keras's name, such as `val_loss`.
        greater_is_better: whether it shall rise.
        min_delta: the smallest change that counts.
    """

    metric: str
    greater_is_better: bool
    min_delta: float = 0.0

    def value_in(self, logs: Mapping[str, Any] | None) -> float:
        """The metric among those of an epoch.

        Raises:
            ConfigurationError: it is not measured.
        """
        value = (logs or {}).get(self.metric)
        if value is None:
            raise ConfigurationError(
                f"The metric {self.metric!r} is watched but not measured; there are {', '.join(logs or {})}"
            )
        return float(value)

    def is_better(self, value: float, best: float | None) -> bool:
        """Whether a value beats the best so far; NaN never does."""
        if best is None:
            return value == value  # noqa: PLR0124 - NaN is the one value that differs from itself
        gain = value - best if self.greater_is_better else best - value
        return gain > self.min_delta


@dataclass(frozen=True, slots=True)
class Phase:
    """What is trained for how long, and how.

    Attributes:
        name: for people, unique in its recipe.
        epochs: the most that may run.
        learning_rate: the highest.
        schedule: the learning rate's course in this phase.
        watched: decides when the phase ends, and which epoch's weights are kept then; None keeps the last one's.
        patience: epochs without a better value after which the phase ends; None runs all epochs.
        best: decides which epoch's weights are kept, in place of `watched`.
        plateau: what a plateau schedule watches, in place of `watched`.
        learns: `all` layers, the `head`, or the head and this many convolutional groups, counted from the top.
        dropout: before the output layer; None leaves it as it was built.
        steps: the most that may run, in place of `epochs`; None runs whole epochs.
    """

    name: str
    epochs: int
    learning_rate: float
    schedule: ScheduleSection
    watched: Watched | None
    patience: int | None
    learns: Literal["all", "head"] | int = "all"
    dropout: float | None = None
    steps: int | None = None
    best: Watched | None = None
    plateau: Watched | None = None

    def epochs_for(self, steps_per_epoch: int) -> int:
        """The most epochs that may run, the last one perhaps in part."""
        return self.epochs if self.steps is None else math.ceil(self.steps / steps_per_epoch)

    @property
    def kept(self) -> Watched | None:
        """What decides which epoch's weights are kept; None keeps the last one's."""
        return self.best or self.watched

    @property
    def plateau_watched(self) -> Watched:
        """What a plateau schedule watches, with the schedule's smallest change."""
        metric = self.plateau or self.watched or Watched("val_loss", greater_is_better=False)
        return replace(metric, min_delta=self.schedule.min_delta)

    def prepare(self, network: Network, freezing: Freezing) -> None:
        """Freezes and unfreezes the network's layers, and sets its dropout; it must be compiled afterwards.

        Raises:
            ConfigurationError: the network has no base, or no dropout where this phase wants one.
        """
        if self.dropout is not None:
            _set_dropout(network, self.dropout)
        if self.learns == "all":
            freezing.thaw()
        elif self.learns == "head":
            freezing.head_only()
        else:
            freezing.head_and_top(self.learns)


def _set_dropout(network: Network, rate: float) -> None:
    for layer in network.head:
        if layer.name == _HEAD_DROPOUT:
            layer.rate = rate
            return
    raise ConfigurationError(
        f"The recipe sets the dropout before the output to {rate}, but the model has no Dropout layer named "
        f"{_HEAD_DROPOUT!r}; name yours so, or choose another training.recipe.name"
    )
