import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from preprocessing.statistics import (
    MIN_STANDARD_DEVIATION,
    SQUARE_SCALE,
    SUM_SCALE,
    ChannelStatistics,
)


@given(st.lists(st.integers(0, 255), min_size=4, max_size=64))
def test_sums_give_numpys_mean_and_deviation(levels):
    pixels = np.array(levels, np.float64)
    found = ChannelStatistics.from_sums(
        [round(pixels.sum() * SUM_SCALE)],
        [round((pixels**2).sum() * SQUARE_SCALE)],
        pixels_per_image=len(levels),
        image_count=1,
    )
    assert found.mean[0] == pytest.approx(pixels.mean(), abs=1e-9)
    assert found.std[0] == pytest.approx(pixels.std(), abs=1e-5)


def test_a_constant_channel_is_not_divided_by_zero():
    assert ChannelStatistics(mean=(3.0,), std=(0.0,), image_count=1).divisors == (MIN_STANDARD_DEVIATION,)


def test_no_images_give_no_statistics():
    with pytest.raises(ValueError, match="at least one image"):
        ChannelStatistics.from_sums([0], [0], pixels_per_image=1, image_count=0)


@pytest.mark.parametrize(
    "facts",
    [
        {"mean": (1.0, 2.0), "std": (1.0,)},
        {"mean": (), "std": ()},
        {"mean": (float("nan"),), "std": (1.0,)},
        {"mean": (1.0,), "std": (-1.0,)},
    ],
)
def test_inconsistent_statistics_are_refused(facts):
    with pytest.raises(ValidationError):
        ChannelStatistics(**facts, image_count=1)
