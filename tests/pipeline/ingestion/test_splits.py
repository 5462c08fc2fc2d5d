"""The rule on plain arrays: exact shares, nothing that moves, nothing that is torn apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.features import SPLITS
from pipeline.ingestion.splits import ASIDE, UNDECIDED, Images, assign, strata_of_targets

TRAIN, EVAL, TEST = range(3)
SHARES = (0.1, 0.2)
WANTED = np.array([0.7, 0.1, 0.2])


def images(strata, units=None, known=None):
    strata = np.asarray(strata)
    units = np.arange(len(strata)) if units is None else np.asarray(units)
    return Images(strata, units, np.full(len(strata), UNDECIDED) if known is None else np.asarray(known))


def counts(strata, splits):
    table = np.zeros((max(strata) + 1, len(SPLITS)), int)
    np.add.at(table, (strata, splits), 1)
    return table


def mixed(sizes, seed):
    strata = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(seed).permutation(strata)


class_sizes = st.lists(st.integers(4, 60), min_size=1, max_size=6)


@given(class_sizes, st.integers(0, 100))
def test_each_class_has_its_share_of_each_split_to_one_image(sizes, seed):
    strata = mixed(sizes, seed)
    found = counts(strata, assign(images(strata), SHARES))
    assert (np.abs(found - np.array(sizes)[:, np.newaxis] * WANTED) <= 1).all()
    assert (found > 0).all()


@given(class_sizes, st.integers(0, 100), st.floats(0.01, 1.0))
def test_images_that_come_later_move_none_and_leave_the_shares_exact(sizes, seed, growth):
    rng = np.random.default_rng(seed)
    strata = mixed(sizes, seed)
    before = assign(images(strata), SHARES)
    more = rng.integers(0, len(sizes), max(1, int(growth * len(strata))))
    order = rng.permutation(len(strata) + len(more))
    strata = np.concatenate([strata, more])[order]
    known = np.concatenate([before, np.full(len(more), UNDECIDED)])[order]
    after = assign(images(strata, known=known), SHARES)
    assert (after[known >= 0] == known[known >= 0]).all()
    found = counts(strata, after)
    assert (np.abs(found - found.sum(axis=1, keepdims=True) * WANTED) <= 1).all()


@pytest.mark.parametrize("size", [1, 2])
def test_fewer_than_three_images_of_a_class_all_train(size):
    splits = assign(images([0] * 10 + [1] * size), SHARES)
    assert set(splits[10:]) == {TRAIN}


def test_three_images_of_a_class_reach_every_split():
    assert set(assign(images([0, 0, 0]), SHARES)) == {TRAIN, EVAL, TEST}


def test_the_lowest_hashes_test_and_the_highest_train():
    assert assign(images([0] * 10), SHARES).tolist() == [TEST] * 2 + [EVAL] + [TRAIN] * 7


@given(st.lists(st.integers(0, 12), min_size=12, max_size=80), st.integers(0, 50))
def test_what_belongs_together_lies_in_one_split(units, seed):
    strata = np.random.default_rng(seed).integers(0, 3, len(units))
    splits = assign(images(strata, units), SHARES)
    assert all(len(set(splits[np.array(units) == unit])) == 1 for unit in units)


@given(st.integers(0, 50))
def test_groups_come_near_the_shares(seed):
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(60), rng.integers(1, 9, 60))
    strata = rng.integers(0, 2, len(units))
    found = counts(strata, assign(images(strata, units), SHARES))
    shares = found / found.sum(axis=1, keepdims=True)
    assert np.abs(shares - WANTED).max() < 0.05


def test_a_few_large_groups_still_fill_every_split():
    splits = assign(images([0] * 30, np.repeat([0, 1, 2], 10)), SHARES)
    assert set(splits) == {TRAIN, EVAL, TEST}


def test_a_new_image_goes_where_its_group_is():
    known = [TEST, TRAIN, TRAIN, TRAIN, EVAL, UNDECIDED, UNDECIDED]
    splits = assign(images([0] * 7, [0, 1, 2, 3, 4, 0, 4], known), SHARES)
    assert splits.tolist() == [*known[:5], TEST, EVAL]


def test_a_new_image_that_connects_two_splits_is_put_aside():
    known = [TEST, TRAIN, TRAIN, EVAL, UNDECIDED, UNDECIDED]
    splits = assign(images([0] * 6, [0, 0, 1, 2, 0, 1], known), SHARES)
    assert splits.tolist() == [TEST, TRAIN, TRAIN, EVAL, ASIDE, TRAIN]


def test_targets_are_spread_over_the_splits():
    targets = np.random.default_rng(0).exponential(size=1000)
    strata = strata_of_targets(targets)
    assert np.bincount(strata).tolist() == [100] * 10
    splits = assign(images(strata), SHARES)
    for split in range(3):
        assert np.median(targets[splits == split]) == pytest.approx(np.median(targets), rel=0.1)


def test_few_targets_are_one_stratum():
    assert set(strata_of_targets(np.arange(30.0))) == {0}


def test_no_images_have_no_splits():
    assert assign(images(np.zeros(0, int)), SHARES).tolist() == []
