"""Whether two models differ by more than chance, measured on the same images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.evaluation.measures.answers import ClassAnswers


def mcnemar(candidate: ClassAnswers, baseline: ClassAnswers) -> float:
    """The two-sided p-value of McNemar's exact test (1947): do both models err equally often?

    Only images that one of them gets right and the other wrong tell; under equality each is a fair coin.
    """
    lost = int(((candidate.hits == 0) & (baseline.hits == 1)).sum())
    won = int(((candidate.hits == 1) & (baseline.hits == 0)).sum())
    return float(stats.binomtest(lost, lost + won, 0.5).pvalue) if lost + won else 1.0


def paired_bootstrap(candidate: NDArray[np.float64], baseline: NDArray[np.float64]) -> float | None:
    """The two-sided p-value of a difference between measures of the same resamples `[B]`; None where not defined.

    Twice the share of resamples in which the difference has the rarer sign (Efron and Tibshirani 1993, 15.4), never
    below what B resamples can tell.
    """
    differences = candidate - baseline
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        return None
    rarer = min((differences <= 0).sum(), (differences >= 0).sum())
    return float(min(1.0, 2 * (rarer + 1) / (len(differences) + 1)))
