"""Every example of an epoch goes to one replica, in the step in which one device would see it."""

import itertools

import pytest
import tensorflow as tf

from darkroom.errors import DataError
from pipeline.distribution.shares import Place, Shares


def parts_by_worker(size, batch, workers, local):
    """Per worker, the parts of its replicas, step after step."""
    found = []
    for worker in range(workers):
        shares = Shares(size, batch, Place(workers * local, workers, worker))
        examples = tf.data.Dataset.range(size)
        found.append([part.tolist() for part in shares.parts(shares.of_worker(examples)).as_numpy_iterator()])
    return found


@pytest.mark.parametrize(("size", "batch"), [(32, 16), (45, 16), (33, 16), (17, 16), (5, 16), (64, 64)])
@pytest.mark.parametrize(("workers", "local"), [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)])
def test_each_example_is_in_one_part(size, batch, workers, local):
    parts = parts_by_worker(size, batch, workers, local)
    flat = list(itertools.chain.from_iterable(itertools.chain.from_iterable(parts)))
    assert sorted(flat) == list(range(size))
    assert all(part for worker in parts for part in worker)
    assert {len(worker) for worker in parts} == {-(-size // batch) * local}


@pytest.mark.parametrize(("workers", "local"), [(1, 2), (2, 1), (2, 2)])
def test_a_step_sees_what_one_device_would_see(workers, local):
    size, batch = 45, 16
    parts = parts_by_worker(size, batch, workers, local)
    for step in range(3):
        seen = [example for worker in parts for part in worker[step * local : (step + 1) * local] for example in part]
        assert sorted(seen) == list(range(step * batch, min((step + 1) * batch, size)))


def test_parts_of_a_step_differ_by_one_at_most():
    sizes = Shares(45, 16, Place(3, 3)).part_sizes()
    assert sizes.tolist() == [[6, 5, 5], [6, 5, 5], [5, 4, 4]]


def test_a_last_step_too_small_for_all_takes_from_the_one_before():
    assert Shares(33, 16, Place(4, 2)).part_sizes().sum(axis=1).tolist() == [16, 13, 4]


def test_examples_with_several_parts_stay_together():
    shares = Shares(5, 4, Place(2, 2, 1))
    examples = tf.data.Dataset.range(5).map(lambda number: (tf.strings.as_string(number), number))
    pairs = list(shares.of_worker(examples).as_numpy_iterator())
    assert pairs == [(b"2", 2), (b"4", 4)]


@pytest.mark.parametrize(
    ("size", "batch", "message"),
    [(100, 7, "gives 7 images to a step, but 4 replicas share it"), (3, 16, "has 3 images, but 4 replicas")],
)
def test_too_little_for_all_is_an_error(size, batch, message):
    with pytest.raises(DataError, match=message):
        Shares(size, batch, Place(4, 2))
