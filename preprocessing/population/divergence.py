"""How far two populations are apart, feature by feature.

PSI is the population stability index, sum over bins of (p - q) ln(p / q): below 0.1 is taken for no change, above 0.25
for a large one (N. Siddiqi, "Credit Risk Scorecards", 2006). The Jensen-Shannon divergence is to base 2, from 0 for the
same to 1 for nothing in common (J. Lin, "Divergence measures based on the Shannon entropy", 1991).

Chance alone makes PSI about (bins - 1)(1/n + 1/m) for n and m values, so bins are joined until there are about
ten, of about the same size in the baseline, and a comparison needs some hundred values on either side.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from preprocessing.population.population import Population

NUMERIC_BINS = 10
CATEGORIES = 20
# A bin that is empty on one side would make PSI infinite; half a value in each bin is Jeffreys' prior.
_PRIOR = 0.5


@dataclass(frozen=True, slots=True)
class Divergence:
    """One feature's distance.

    Attributes:
        feature: a key of `Population.numeric` or `Population.categorical`.
        values: how many of the current population were compared.
    """

    feature: str
    psi: float
    jensen_shannon: float
    values: int


def compare(
    baseline: Population, current: Population, *, min_values: int, min_baseline: int | None = None
) -> list[Divergence]:
    """The distance of every feature that has enough values.

    Args:
        baseline: what was.
        current: what is.
        min_values: that `current` must have.
        min_baseline: that `baseline` must have; the same by default.
    """
    least = min_values if min_baseline is None else min_baseline
    found = []
    for name, histogram in baseline.numeric.items():
        found.append((name, *_joined(histogram.counts, current.numeric[name].counts)))
    for name, counts in baseline.categorical.items():
        found.append((name, *_grouped(counts, current.categorical[name])))
    return [
        _divergence(name, expected, actual)
        for name, expected, actual in found
        if sum(expected) >= least and sum(actual) >= min_values
    ]


def _divergence(feature: str, expected: Sequence[int], actual: Sequence[int]) -> Divergence:
    p, q = _shares(actual), _shares(expected)
    psi = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    jensen_shannon = (_kullback_leibler(p, middle) + _kullback_leibler(q, middle)) / 2
    return Divergence(feature, psi, jensen_shannon, sum(actual))


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) + _PRIOR * len(counts)
    return [(count + _PRIOR) / total for count in counts]


def _kullback_leibler(p: Sequence[float], q: Sequence[float]) -> float:
    return sum(a * math.log2(a / b) for a, b in zip(p, q, strict=True))


def _joined(expected: Sequence[int], actual: Sequence[int]) -> tuple[list[int], list[int]]:
    """Neighbouring bins joined until each holds about a tenth of the baseline."""
    share = sum(expected) / NUMERIC_BINS
    bins: list[list[int]] = [[0, 0]]
    is_open = False
    for mine, other in zip(expected, actual, strict=True):
        # A bin that is large by itself, such as the one size that all images had, stays by itself: what the baseline
        # never had must not vanish in it.
        if is_open and mine >= share:
            bins.append([0, 0])
        bins[-1][0] += mine
        bins[-1][1] += other
        is_open = bins[-1][0] < share
        if not is_open:
            bins.append([0, 0])
    return [mine for mine, _ in bins], [other for _, other in bins]


def _grouped(expected: Counter[str], actual: Counter[str]) -> tuple[list[int], list[int]]:
    """The baseline's most common categories, and all the others together."""
    names = [name for name, _ in expected.most_common(CATEGORIES)]
    rest = [sum(counts.values()) - sum(counts[name] for name in names) for counts in (expected, actual)]
    return [*(expected[name] for name in names), rest[0]], [*(actual[name] for name in names), rest[1]]
