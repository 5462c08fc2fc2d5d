"""Requests in a batch: their arrays put together along the first dimension, and the outputs taken apart again."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.model_server.runtime import Arrays

Outputs = dict[str, npt.NDArray[Any]]


class UnbatchableError(Exception):
    """The model's outputs do not have one row for each example."""


@dataclass(slots=True)
class Task:
    """A request, or a part of one.

    Attributes:
        inputs: arrays, `[size, …]` each.
        size: examples; what runs alone counts as a whole batch.
        alone: it has no batch dimension.
        enqueued_at: `time.monotonic()`.
        outputs: completed with the outputs, `[size, …]` each.
    """

    inputs: Arrays
    size: int
    alone: bool = False
    enqueued_at: float = field(default_factory=time.monotonic)
    outputs: Future[Outputs] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class BatchKey:
    """What tasks of a signature must have in common to run together.

    Attributes:
        outputs: which are asked for.
        rows: something for each input that is equal where its rows fit together.
    """

    outputs: tuple[str, ...]
    rows: tuple[Hashable, ...]


@dataclass(slots=True)
class Batch:
    """Tasks that will run together.

    Attributes:
        key: of all tasks.
        tasks: in the order in which they came.
        size: examples of all of them.
        due_at: `time.monotonic()` from which it runs although it is not full.
    """

    key: BatchKey
    due_at: float
    tasks: list[Task] = field(default_factory=list)
    size: int = 0

    def add(self, task: Task) -> None:
        """Take in a task."""
        self.tasks.append(task)
        self.size += task.size


def merge(tasks: Sequence[Task], padded_size: int, *, pad_rows: bool) -> Arrays:
    """The inputs of one run, `[padded_size, …]` each.

    Args:
        tasks: at least one.
        padded_size: the first row of the last task fills up to this, as in TF Serving: a row that is known to be valid.
        pad_rows: whether rows of different sizes are filled up with zeros (strings with empty ones); otherwise they
            have the same size.
    """
    if len(tasks) == 1 and tasks[0].size == padded_size:
        return tasks[0].inputs
    missing = padded_size - sum(task.size for task in tasks)
    merged = {}
    for name in tasks[0].inputs:
        arrays = [task.inputs[name] for task in tasks]
        if pad_rows:
            arrays = _same_shape(arrays)
        if missing:
            arrays.append(np.repeat(arrays[-1][:1], missing, axis=0))
        merged[name] = np.concatenate(arrays)
    return merged


def split(outputs: Outputs, sizes: Sequence[int], padded_size: int) -> list[Outputs]:
    """The outputs of each task; padding is dropped.

    Raises:
        UnbatchableError: an output has no row for each example.
    """
    for name, array in outputs.items():
        if array.ndim == 0:
            raise UnbatchableError(f"Batched output tensor {name} has 0 dimensions")
        if array.shape[0] != padded_size:
            raise UnbatchableError(
                f"Batched output tensor {name}'s 0th dimension does not equal the sum of the 0th dimension sizes of "
                f"the input tensors: {array.shape[0]} and {padded_size}"
            )
    if len(sizes) == 1 and sizes[0] == padded_size:
        return [outputs]
    parts = []
    start = 0
    for size in sizes:
        parts.append({name: array[start : start + size] for name, array in outputs.items()})
        start += size
    return parts


def join(parts: Sequence[Outputs]) -> Outputs:
    """The outputs of a request that ran in parts."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _same_shape(arrays: list[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    """Arrays of one rank filled up to the largest size in every dimension but the first."""
    row = tuple(max(sizes) for sizes in zip(*(array.shape[1:] for array in arrays), strict=True))
    padded = []
    for array in arrays:
        if array.shape[1:] == row:
            padded.append(array)
            continue
        filler: Any = b"" if array.dtype == object else 0
        full: npt.NDArray[Any] = np.full((array.shape[0], *row), filler, dtype=array.dtype)
        full[tuple(slice(size) for size in array.shape)] = array
        padded.append(full)
    return padded
