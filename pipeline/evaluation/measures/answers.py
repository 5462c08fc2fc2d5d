"""A model's answers to the images of a split, beside what is right."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

# scikit-learn's bound for float32 probabilities: one image that got 0 for the right class would make the mean infinite.
_SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class ClassAnswers:
    """A classifier's.

    Attributes:
        labels: class ids `[N]`.
        probabilities: `[N, K]`, K classes.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    @property
    def classes(self) -> int:
        """How many there are."""
        return int(self.probabilities.shape[1])

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The likeliest class's id `[N]`."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def hits(self) -> NDArray[np.float64]:
        """1 where that is right `[N]`."""
        return (self.predicted == self.labels).astype(np.float64)

    @cached_property
    def of_label(self) -> NDArray[np.float64]:
        """The right class's probability `[N]`."""
        return self.probabilities[np.arange(len(self.labels)), self.labels].astype(np.float64)

    @cached_property
    def log_losses(self) -> NDArray[np.float64]:
        """Minus its logarithm, in nats `[N]`."""
        return -np.log(np.clip(self.of_label, _SMALLEST_PROBABILITY, 1.0))

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """How many classes come before the right one `[N]`: the likelier ones, and of equals those with lower ids."""
        of_label = self.probabilities[np.arange(len(self.labels)), self.labels][:, np.newaxis]
        is_before = np.arange(self.classes) < self.labels[:, np.newaxis]
        return ((self.probabilities > of_label) | ((self.probabilities == of_label) & is_before)).sum(axis=1)

    @cached_property
    def cells(self) -> NDArray[np.int64]:
        """Each image's cell in the confusion matrix, counted row by row `[N]`."""
        return self.labels * self.classes + self.predicted

    def confusion(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """`[K, K]`: rows are the right classes, columns the predicted ones."""
        counts = np.bincount(self.cells, weights=weights, minlength=self.classes**2)
        return counts.reshape(self.classes, self.classes).astype(np.float64)

    def part(self, chosen: NDArray[np.bool_]) -> ClassAnswers:
        """Those of some images."""
        return ClassAnswers(self.labels[chosen], self.probabilities[chosen])


@dataclass(frozen=True)
class ValueAnswers:
    """A regression's.

    Attributes:
        targets: `[N]`.
        values: predicted, `[N]`.
    """

    targets: NDArray[np.float64]
    values: NDArray[np.float64]

    def part(self, chosen: NDArray[np.bool_]) -> ValueAnswers:
        """Those of some images."""
        return ValueAnswers(self.targets[chosen], self.values[chosen])


Answers = ClassAnswers | ValueAnswers
