"""The test split in parts: by class, size, brightness, or a column of the listing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.configuration.evaluation_section import BRIGHTNESS_SLICE, CLASS_SLICE, SIZE_SLICE, EvaluationSection
from pipeline.evaluation.measures.answers import ClassAnswers
from pipeline.evaluation.recorded import Recorded

# A column with more values tells images apart, not kinds of them.
MAX_VALUES = 200


@dataclass(frozen=True, slots=True)
class Part:
    """Images that have something in common.

    Attributes:
        slice: what it is about.
        value: what they have in common.
        chosen: which of the images these are `[N]`.
    """

    slice: str
    value: str
    chosen: NDArray[np.bool_]

    @property
    def images(self) -> int:
        """How many."""
        return int(self.chosen.sum())


def parts_of(recorded: Recorded, labels: tuple[str, ...], section: EvaluationSection) -> Iterator[Part]:
    """All parts of all slices; those without images are left out.

    Args:
        recorded: the images.
        labels: class names in id order.
        section: with the edges of sizes and brightness.
    """
    if isinstance(recorded.candidate, ClassAnswers):
        for label, name in enumerate(labels):
            yield from _part(CLASS_SLICE, name, recorded.candidate.labels == label)
    yield from _between(SIZE_SLICE, recorded.size, section.size_edges)
    yield from _between(BRIGHTNESS_SLICE, recorded.brightness, section.brightness_edges)
    for column in sorted({name for row in recorded.extra for name in row}):
        values = np.array([row.get(column, "") for row in recorded.extra])
        distinct = np.unique(values)
        if len(distinct) <= MAX_VALUES:
            for value in distinct:
                yield from _part(column, str(value), values == value)


def _between(name: str, numbers: NDArray[np.float64], edges: Sequence[float]) -> Iterator[Part]:
    bounds = [-np.inf, *edges, np.inf]
    for low, high in itertools.pairwise(bounds):
        if not np.isfinite(low):
            text = f"below {high:g}"
        else:
            text = f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} and above"
        yield from _part(name, text, (numbers >= low) & (numbers < high))


def _part(name: str, value: str, chosen: NDArray[np.bool_]) -> Iterator[Part]:
    if chosen.any():
        yield Part(name, value, chosen)
