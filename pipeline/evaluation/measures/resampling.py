"""How far a measure would be off if the test images had been others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.evaluation.measures.answers import Answers, ClassAnswers
from pipeline.evaluation.measures.measure import Measure

# Measures whose cost grows with images times classes are resampled up to here: two seconds for 200 resamples.
_DEAR = 100_000


@dataclass(frozen=True, slots=True)
class Resampled:
    """Values of measures over resamples, the same ones for every model: `[B]` each, NaN where not defined.

    Attributes:
        candidate: by the measure's name.
        baseline: the same for the baseline; empty without one.
    """

    candidate: Mapping[str, NDArray[np.float64]]
    baseline: Mapping[str, NDArray[np.float64]]


def resample(
    measures: Mapping[str, Measure], candidate: Answers, baseline: Answers | None, resamples: int, seed: int
) -> Resampled:
    """Measures models on resamples of the images, drawn with replacement: the bootstrap (Efron 1979).

    Args:
        measures: by name; those that are too dear for so many images are left out.
        candidate, baseline: to the same images.
        resamples: how many.
        seed: of the draws.
    """
    if not resamples:
        return Resampled({}, {})
    size, width = _shape(candidate)
    chosen = {name: measure for name, measure in measures.items() if measure.is_cheap or size * width <= _DEAR}
    found: tuple[dict[str, list[float]], ...] = ({name: [] for name in chosen}, {name: [] for name in chosen})
    for weights in _draws(size, resamples, seed):
        for answers, values in zip((candidate, baseline), found, strict=True):
            if answers is not None:
                for name, measure in chosen.items():
                    value = measure.of(answers, weights)
                    values[name].append(np.nan if value is None else value)
    arrays = [{name: np.array(values) for name, values in each.items() if values} for each in found]
    return Resampled(*arrays)


def share_interval(hits: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share (1927), which a bootstrap would make empty where nothing went wrong."""
    found = stats.binomtest(int(hits.sum()), len(hits)).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


def interval(values: NDArray[np.float64], confidence: float) -> tuple[float, float] | None:
    """The bootstrap's percentile interval; None where a measure was mostly not defined."""
    known = values[np.isfinite(values)]
    if len(known) < len(values) / 2:
        return None
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _draws(size: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each image was drawn."""
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(random.integers(0, size, size), minlength=size).astype(np.float64)


def _shape(answers: Answers) -> tuple[int, int]:
    if isinstance(answers, ClassAnswers):
        return len(answers.labels), answers.classes
    return len(answers.targets), 1
