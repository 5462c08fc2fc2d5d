import numpy as np
import pytest

from darkroom.configuration.metrics_section import MetricOptionsSection
from darkroom.task import Task
from pipeline.evaluation.measures import resampling
from pipeline.evaluation.measures.answers import ValueAnswers
from pipeline.evaluation.measures.of_task import measures_of
from pipeline.evaluation.measures.of_values import OF_VALUES
from pipeline.evaluation.measures.resampling import interval, resample, share_interval
from tests.pipeline.evaluation.measures.test_of_classes import answers


def values(seed=0, images=400):
    random = np.random.default_rng(seed)
    targets = random.normal(size=images)
    return ValueAnswers(targets, targets + random.normal(size=images))


def test_an_interval_is_as_wide_as_the_normal_distribution_has_it():
    found = values()
    drawn = resample(OF_VALUES, found, None, 1000, seed=1).candidate["mae"]
    errors = np.abs(found.values - found.targets)
    low, high = interval(drawn, 0.95)
    half = 1.96 * errors.std() / np.sqrt(len(errors))
    assert (low, high) == pytest.approx((errors.mean() - half, errors.mean() + half), abs=0.15 * half)


def test_both_models_are_measured_on_the_same_resamples():
    found = values()
    both = resample(OF_VALUES, found, found, 50, seed=1)
    assert np.array_equal(both.candidate["rmse"], both.baseline["rmse"])
    assert np.array_equal(both.candidate["rmse"], resample(OF_VALUES, found, None, 50, seed=1).candidate["rmse"])


def test_a_share_has_an_interval_although_nothing_went_wrong():
    low, high = share_interval(np.ones(20), 0.95)
    assert high == pytest.approx(1.0)
    assert low == pytest.approx(0.8389, abs=1e-4)


def test_measures_that_would_take_long_are_left_out(monkeypatch):
    monkeypatch.setattr(resampling, "_DEAR", 100)
    found, _ = answers(3)
    drawn = resample(measures_of(Task.MULTICLASS, 3, MetricOptionsSection()), found, None, 5, seed=0).candidate
    assert "roc_auc" not in drawn
    assert "f1_macro" in drawn


def test_no_resamples_give_no_intervals():
    assert resample(OF_VALUES, values(), None, 0, seed=0).candidate == {}


def test_an_interval_of_what_is_mostly_not_defined_is_none():
    assert interval(np.array([np.nan, np.nan, 1.0]), 0.95) is None
