import numpy as np
import pytest

from darkroom.errors import DataError
from pipeline.cross_validation.folds import deal


def counts(strata, dealt, folds):
    """Images of each stratum in each fold, `[strata, folds]`."""
    found = np.zeros((strata.max() + 1, folds), int)
    np.add.at(found, (strata, dealt), 1)
    return found


def test_each_fold_has_its_share_of_each_class_to_within_one_image():
    strata = np.repeat([0, 1, 2], [50, 23, 7])
    found = counts(strata, deal(strata, np.arange(80), 5), 5)
    assert (found.max(axis=1) - found.min(axis=1) <= 1).all()
    assert found.sum(axis=0).max() - found.sum(axis=0).min() <= 2


def test_what_belongs_together_shares_a_fold():
    random = np.random.default_rng(0)
    strata, units = random.integers(0, 3, 200), random.integers(0, 60, 200)
    dealt = deal(strata, units, 4)
    assert all(len(set(dealt[units == unit])) == 1 for unit in range(60))
    assert counts(np.zeros_like(strata), dealt, 4).min() >= 40


def test_the_same_images_are_dealt_alike():
    strata, units = np.arange(90) % 2, np.arange(90) // 3
    assert (deal(strata, units, 3) == deal(strata, units, 3)).all()


def test_classes_smaller_than_the_folds_are_dealt():
    strata = np.arange(6)
    assert counts(np.zeros(6, int), deal(strata, strata, 3), 3).tolist() == [[2, 2, 2]]


def test_too_few_units_are_told():
    with pytest.raises(DataError, match=r"4 images that need not stay together .* cannot fill 5 folds"):
        deal(np.zeros(20, int), np.arange(20) % 4, 5)
