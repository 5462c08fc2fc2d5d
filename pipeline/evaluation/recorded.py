"""The answers of both models to the test images, read back from where the evaluation recorded them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import tensorflow as tf
from numpy.typing import NDArray

from darkroom.errors import DarkroomError
from darkroom.task import Task
from pipeline.evaluation.measures.answers import Answers, ClassAnswers, ValueAnswers
from pipeline.evaluation.recording import BASELINE, CANDIDATE, PREDICTIONS_FOLDER, SCHEMA

_HASH_SPACE = 2.0**64


@dataclass(frozen=True)
class Recorded:
    """Images in the order of their content's hash, and what both models said of them.

    Attributes:
        sha256, filename: `[N]` text.
        size: root of the number of pixels `[N]`.
        brightness: mean grey level `[N]`, NaN where it is not known.
        extra: the listing's further columns `[N]`, each a dict.
        candidate: the model's answers.
        baseline: those of the latest blessed model; None without one.
        images: how many the whole split has; more than N where it was sampled.
    """

    sha256: NDArray[np.str_]
    filename: NDArray[np.str_]
    size: NDArray[np.float64]
    brightness: NDArray[np.float64]
    extra: tuple[dict[str, str], ...]
    candidate: Answers
    baseline: Answers | None
    images: int


def read_recorded(evaluation_uri: str, task: Task, max_images: int) -> Recorded:
    """Reads what `recording` wrote.

    Args:
        evaluation_uri: of the evaluation artifact.
        task: what was predicted.
        max_images: of more a sample is taken, by content, so that it is the same in the next run.

    Raises:
        DarkroomError: the test split is empty.
    """
    table, images = _read(evaluation_uri, max_images)
    if not len(table):
        raise DarkroomError("The test split has no images, so no model can be judged")
    table = table.sort_by([("sha256", "ascending"), ("filename", "ascending")])
    column = {name: table[name].to_numpy(zero_copy_only=False) for name in ("sha256", "filename", "label")}
    sides = [table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in ("height", "width")]
    return Recorded(
        sha256=column["sha256"].astype(str),
        filename=column["filename"].astype(str),
        size=np.sqrt(sides[0] * sides[1]),
        brightness=table["brightness"].to_numpy(zero_copy_only=False).astype(np.float64),
        extra=tuple(json.loads(text) for text in table["extra"].to_pylist()),
        candidate=_answers(table, CANDIDATE, task),
        baseline=_answers(table, BASELINE, task) if table[BASELINE].null_count == 0 else None,
        images=images,
    )


def _read(evaluation_uri: str, max_images: int) -> tuple[pa.Table, int]:
    """The rows, and how many there are in all; a part at a time, so that what is left out is never held."""
    paths = sorted(tf.io.gfile.glob(f"{evaluation_uri}/{PREDICTIONS_FOLDER}/part*.parquet"))
    images = sum(_open(path).metadata.num_rows for path in paths)
    share = max_images / images if images > max_images else math.inf
    kept = []
    for path in paths:
        for batch in _open(path).iter_batches():
            place = np.array([int(text[16:32] or "0", 16) / _HASH_SPACE for text in batch["sha256"].to_pylist()])
            kept.append(batch.filter(pa.array(place < share)))
    return pa.Table.from_batches(kept, schema=SCHEMA), images


def _open(path: str) -> pa.parquet.ParquetFile:
    """One of Beam's files, which are as small as its bundles."""
    with tf.io.gfile.GFile(path, "rb") as file:
        return pa.parquet.ParquetFile(pa.BufferReader(file.read()))


def _answers(table: pa.Table, model: str, task: Task) -> Answers:
    flat = table[model].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    labels = table["label"].to_numpy(zero_copy_only=False)
    if task is Task.REGRESSION:
        return ValueAnswers(labels.astype(np.float64), flat.astype(np.float64))
    return ClassAnswers(labels.astype(np.int64), flat.reshape(len(labels), -1).astype(np.float32))
