"""The test split in parts: by class, size, brightness, source, or a column of the listing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.configuration.evaluation_section import (
    BRIGHTNESS_SLICE,
    CLASS_SLICE,
    SIZE_SLICE,
    SOURCE_SLICE,
    EvaluationSection,
)
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
    columns = {name for row in recorded.extra for name in row}
    if SOURCE_SLICE not in columns:
        sources = _sources(recorded, labels)
        # One source is the whole split.
        if len(set(sources)) > 1:
            yield from _each(SOURCE_SLICE, sources)
    for column in sorted(columns):
        yield from _each(column, [row.get(column, "") for row in recorded.extra])


def source_of(filename: str, class_name: str = "") -> str:
    """Where an image comes from, as its name tells: its folder, without that of its class; the file that it lies in
    with others (`shard.tfrecord:7`); `.` for the folder of all.

    Args:
        filename: `image/filename`.
        class_name: of the image; empty for a regression.
    """
    container, colon, place = filename.rpartition(":")
    if colon and place.isdigit():
        return container
    folders = filename.split("/")[:-1]
    if class_name and folders[:1] == [class_name]:
        folders = folders[1:]
    return "/".join(folders) or "."


def _sources(recorded: Recorded, labels: tuple[str, ...]) -> list[str]:
    if not isinstance(recorded.candidate, ClassAnswers):
        return [source_of(str(name)) for name in recorded.filename]
    return [
        source_of(str(name), labels[label])
        for name, label in zip(recorded.filename, recorded.candidate.labels, strict=True)
    ]


def _each(name: str, texts: Sequence[str]) -> Iterator[Part]:
    values = np.array(texts)
    distinct = np.unique(values)
    if len(distinct) <= MAX_VALUES:
        for value in distinct:
            yield from _part(name, str(value), values == value)


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
