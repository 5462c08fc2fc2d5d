import math

import numpy as np
import pytest

from darkroom.configuration.tuning_section import SweepSection
from darkroom.errors import DarkroomError
from pipeline.tuning.sweep import SWEEP_PICTURE, SweepJob, rising_rates, run_sweep, smooth, steepest
from tests.pipeline.tuning.made_search import made_search, write_examples

SECTION = SweepSection(min=1e-5, max=1.0, steps=60)


def test_rates_rise_by_the_same_factor_from_end_to_end():
    rates = rising_rates(SECTION)
    assert len(rates) == 60
    assert (rates[0], rates[-1]) == (pytest.approx(1e-5), pytest.approx(1.0))
    assert np.ptp(np.diff(np.log(rates))) < 1e-9


def test_smoothing_keeps_a_straight_line_and_takes_noise_away():
    assert smooth([2.0] * 30) == [2.0] * 30
    noisy = smooth([1.0, 3.0] * 20)
    assert max(abs(value - 2.0) for value in noisy[5:-5]) < 0.15


def test_the_steepest_fall_is_found_and_a_fall_after_the_lowest_point_is_not():
    falling = [1 / (1 + math.exp(step - 30)) for step in range(60)]
    assert abs(steepest(falling) - 30) <= 1
    up_and_down = [*falling, *np.linspace(0, 5, 20), *np.linspace(5, 0.5, 5)]
    assert abs(steepest(up_and_down) - 30) <= 1


NOISE = list(1 + 0.2 * np.random.default_rng(0).normal(size=40))


@pytest.mark.parametrize("curve", [[1.0] * 40, list(np.linspace(1, 2, 40)), [1.0, *[0.999] * 39], NOISE])
def test_a_loss_that_does_not_fall_suggests_nothing(curve):
    assert steepest(curve) is None


def test_a_training_that_learns_nothing_is_an_error_with_a_picture(tmp_path):
    search = made_search(write_examples(tmp_path / "examples"), tmp_path, {})
    section = SweepSection(min=1e-12, max=1e-10, steps=30)
    job = SweepJob(options=search.options, inputs=search.inputs, section=section, folder=str(tmp_path / "sweep"))
    with pytest.raises(DarkroomError, match="did not fall at any learning rate"):
        run_sweep(job.model_dump(mode="json"))
    assert (tmp_path / "sweep" / SWEEP_PICTURE).read_bytes().startswith(b"\x89PNG")
