"""How the limit follows the event loop's lag."""

from hypothesis import given
from hypothesis import strategies as st

from serving.gateway.overload.adaptive_limit import AdaptiveLimit


def test_a_late_loop_lowers_it_to_less_than_what_was_in_use():
    limit = AdaptiveLimit(64, 0.02)
    limit.note(0.05, 40)
    limit.note(0.05, 40)
    assert limit.current == 36


def test_one_late_interval_is_no_load():
    limit = AdaptiveLimit(64, 0.02)
    for _ in range(10):
        limit.note(0.5, 64)
        limit.note(0.0, 64)
    assert limit.current == 64


def test_it_never_falls_below_a_quarter():
    limit = AdaptiveLimit(64, 0.02)
    for _ in range(100):
        limit.note(1.0, limit.current)
    assert limit.current == 16


def test_a_late_loop_with_little_to_do_changes_nothing():
    limit = AdaptiveLimit(64, 0.02)
    for _ in range(10):
        limit.note(1.0, 16)
    assert limit.current == 64


def test_it_grows_back_while_it_is_used():
    limit = AdaptiveLimit(64, 0.02)
    for _ in range(100):
        limit.note(1.0, 64)
    for _ in range(1000):
        limit.note(0.0, limit.current)
    assert limit.current == 64


def test_it_does_not_grow_while_nobody_needs_more():
    limit = AdaptiveLimit(64, 0.02)
    for _ in range(2):
        limit.note(1.0, 20)
    lowered = limit.current
    limit.note(0.0, 2)
    assert limit.current == lowered


def test_without_a_lag_to_keep_it_stays():
    limit = AdaptiveLimit(64, None)
    limit.note(10.0, 64)
    assert limit.current == 64


@given(st.integers(1, 500), st.lists(st.tuples(st.floats(0, 5), st.integers(0, 600))))
def test_it_stays_between_one_and_what_is_configured(most, seen):
    limit = AdaptiveLimit(most, 0.02)
    for lag, used in seen:
        limit.note(lag, used)
        assert 1 <= limit.current <= most
