"""The learning rate and the number of replicas."""

import pytest

from darkroom.configuration.distribution_section import DistributionSection
from pipeline.distribution.learning_rate_scaling import scaled_learning_rate


@pytest.mark.parametrize(("rule", "expected"), [("none", 0.1), ("linear", 0.4), ("sqrt", 0.2)])
def test_the_rate_for_four_replicas(rule, expected):
    section = DistributionSection(learning_rate_scaling=rule)
    assert scaled_learning_rate(section, 0.1, 4) == pytest.approx(expected)
