"""The learning rate for a number of replicas."""

from __future__ import annotations

import math

from darkroom.configuration.distribution_section import DistributionSection


def scaled_learning_rate(section: DistributionSection, rate: float, replicas: int) -> float:
    """The configured rate times what `learning_rate_scaling` says.

    `linear` is Goyal et al. 2017 (arXiv:1706.02677), who warm up over the first five epochs with it; `sqrt` keeps the
    variance of the update, Krizhevsky 2014 (arXiv:1404.5997), and suits Adam and its kin better.
    """
    factors = {"none": 1.0, "linear": float(replicas), "sqrt": math.sqrt(replicas)}
    return rate * factors[section.learning_rate_scaling]
