import pytest

from serving.gateway.releases.window import OutcomeWindow


def test_mean_p99_and_error_rate_of_what_is_in_the_window():
    window = OutcomeWindow(60)
    for number in range(1, 101):
        window.add(0.0, number / 1000, failed=False)
    window.add(0.0, 9.0, failed=True)

    assert window.mean_seconds() == pytest.approx(0.0505)
    assert 0.099 <= window.p99_seconds() <= 0.099 * 1.1
    assert window.error_rate == pytest.approx(1 / 101)


def test_the_old_is_forgotten():
    window = OutcomeWindow(10)
    window.add(0.0, 5.0, failed=True)
    window.add(1.0, 5.0, failed=False)
    window.add(11.5, 0.001, failed=False)

    assert (window.requests, window.errors) == (1, 0)
    assert window.mean_seconds() == pytest.approx(0.001)
    window.forget(100.0)
    assert (window.requests, window.mean_seconds(), window.p99_seconds(), window.error_rate) == (0, 0, 0, 0)


def test_memory_is_bounded():
    window = OutcomeWindow(1e9)
    for number in range(30_000):
        window.add(float(number), 0.001, failed=number < 15_000)

    assert (window.requests, window.errors) == (20_000, 5_000)


def test_any_latency_has_a_place():
    window = OutcomeWindow(10)
    for seconds in (0.0, 1e-9, 1e6):
        window.add(0.0, seconds, failed=False)

    assert window.p99_seconds() == pytest.approx(1e6, rel=0.11)
