"""Which form of the network is served: measured on this machine, and said."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from darkroom.configuration.export_section import ExportSection
from pipeline import features
from pipeline.export.frozen import FrozenNetwork
from pipeline.export.half_precision import in_half_precision
from pipeline.training.split_files import SplitFiles
from preprocessing.graph import PreprocessingGraph

_log = logging.getLogger(__name__)

# What predictions are compared on, and how many images a measured call has.
_COMPARED_IMAGES = 32
_MEASURED_BATCH = 8

_ROUNDS = 20
# Rounds of a slow network end here.
_MEASURED_SECONDS = 3.0
# Less than this is noise.
_GAIN = 0.97

Network = Callable[..., tf.Tensor]


@dataclass(frozen=True, slots=True)
class Exported:
    """The form that was chosen.

    Attributes:
        network: called with pixels `[N, H, W, C]` and `training=False`; has `variables`.
        facts: for the model's description (`export`).
    """

    network: Any
    facts: dict[str, Any]


def sample_pixels(graph: PreprocessingGraph, split: SplitFiles) -> np.ndarray:
    """`[N, H, W, C]` of the first images of a split."""
    parse = {features.ENCODED: tf.io.FixedLenFeature([], tf.string)}
    records = split.records().take(_COMPARED_IMAGES).batch(_COMPARED_IMAGES)
    return np.asarray(next(iter(records.map(lambda batch: graph(tf.io.parse_example(batch, parse)[features.ENCODED])))))


def choose(
    model: keras.Model,
    section: ExportSection,
    pixels: np.ndarray,
    measure: Callable[[Network, Network, np.ndarray], tuple[float, float]] | None = None,
) -> Exported:
    """The form that `section` asks for, if its predictions are near enough; else the network as it is.

    Args:
        model: as it was trained, `[N, H, W, C]` to `[N, K]`.
        section: what is asked for.
        pixels: what is compared on.
        measure: of two networks the seconds that each takes for a batch.
    """
    half = section.precision != "float32"
    if section.freeze == "never" and not half:
        return _as_it_is(model, "The network is served with its variables, as export.freeze asks.", {})
    name = section.precision if half else "frozen"
    tolerance = section.half_tolerance if half else section.tolerance
    try:
        candidate = FrozenNetwork(
            in_half_precision(model, section.precision) if half else model, tuple(pixels.shape[1:])
        )
        difference = _largest_difference(candidate, model, pixels)
    except (ValueError, TypeError, RuntimeError, tf.errors.OpError) as error:
        _log.warning("The network cannot be exported %s", name, exc_info=error)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return _as_it_is(model, f"The network is served with its variables: it cannot be made {name} ({reason}).", {})
    measured: dict[str, Any] = {"difference": difference, "tolerance": tolerance}
    if not difference <= tolerance:
        sentence = f"{name} its predictions differ by {difference:.2g}, more than {tolerance:g}"
        return _as_it_is(model, f"The network is served with its variables: {sentence}.", measured)
    before, after = (measure or _measure)(_compiled(model), _compiled(candidate), pixels[:_MEASURED_BATCH])
    measured["milliseconds"] = {"variables": before * 1000, name: after * 1000}
    taken = f"{after * 1000:.2f} ms for {len(pixels[:_MEASURED_BATCH])} images instead of {before * 1000:.2f} ms"
    figures = f"{taken}, predictions within {difference:.2g}"
    if not half and section.freeze == "auto" and after > _GAIN * before:
        sentence = f"The network is served with its variables: frozen it is not faster ({figures})."
        return _as_it_is(model, sentence, measured)
    what = f"in {section.precision}, frozen" if half else "frozen"
    return Exported(
        candidate,
        {
            "form": "frozen",
            "precision": section.precision,
            "sentence": f"The network is served {what}, batch norms folded: {figures}.",
            **measured,
        },
    )


def _as_it_is(model: keras.Model, sentence: str, measured: dict[str, Any]) -> Exported:
    # It differs by nothing, so the serving check need not allow anything.
    facts = {key: value for key, value in measured.items() if key != "tolerance"}
    return Exported(model, {"form": "variables", "precision": "float32", "sentence": sentence, **facts})


def _largest_difference(candidate: Network, model: keras.Model, pixels: np.ndarray) -> float:
    wanted = np.asarray(_compiled(model)(pixels), np.float64)
    found = np.asarray(candidate(tf.constant(pixels)), np.float64)
    difference = np.abs(found - wanted) / np.maximum(1.0, np.abs(wanted))
    return float(np.max(np.where(np.isnan(difference), np.inf, difference)))


def _compiled(model: Network) -> Network:
    """As it runs inside a signature."""

    @tf.function(autograph=False)
    def predict(pixels: tf.Tensor) -> tf.Tensor:
        return model(pixels, training=False)

    return predict


def _measure(first: Network, second: Network, pixels: np.ndarray) -> tuple[float, float]:
    """Median seconds of each, asked in turn so that both see the same load."""
    batch = tf.constant(pixels)
    seconds: tuple[list[float], list[float]] = ([], [])
    for network in (first, second):
        network(batch)  # traces, and makes its kernels
    end = time.monotonic() + _MEASURED_SECONDS
    while len(seconds[0]) < _ROUNDS and (time.monotonic() < end or not seconds[0]):
        for network, taken in zip((first, second), seconds, strict=True):
            started = time.perf_counter()
            np.asarray(network(batch))  # waits for devices
            taken.append(time.perf_counter() - started)
    return statistics.median(seconds[0]), statistics.median(seconds[1])
