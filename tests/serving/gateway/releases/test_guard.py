import pytest

from serving.gateway.releases.guard import judge
from serving.gateway.releases.settings import StopSettings
from serving.gateway.releases.window import OutcomeWindow


def window(requests, errors=0, seconds=0.01, slow=0):
    found = OutcomeWindow(60)
    for number in range(requests):
        found.add(0.0, 1.0 if number >= requests - slow else seconds, failed=number < errors)
    return found


def reason(settings, canary, stable):
    verdict = judge(StopSettings(**settings), canary, stable)
    return verdict.reason if verdict is not None else None


@pytest.mark.parametrize(
    ("settings", "canary", "stable", "expected"),
    [
        ({}, window(100), window(100), None),
        ({}, window(100, errors=10), window(100), "error_rate"),
        ({}, window(100, errors=10), window(100, errors=8), None),
        ({}, window(99, errors=99), window(100), None),
        ({}, window(100, errors=100), window(99), None),
        ({"max_error_rate": 0.2}, window(100, errors=21), window(0), "error_rate"),
        ({"max_error_rate": 0.2}, window(100, errors=20), window(0), None),
        ({"max_error_rate_above_stable": None}, window(100, errors=100), window(100), None),
        ({}, window(100, seconds=0.021), window(100), "latency"),
        ({}, window(100, seconds=0.019), window(100), None),
        ({}, window(100, seconds=9), window(99), None),
        ({"max_latency_ms": 15}, window(100, seconds=0.016), window(0), "latency"),
        ({"max_latency_of_stable": None}, window(100, seconds=9), window(100), None),
        ({"latency": "p99", "max_latency_ms": 500}, window(100, slow=1), window(0), None),
        ({"latency": "p99", "max_latency_ms": 500}, window(100, slow=2), window(0), "latency"),
    ],
)
def test_the_limits(settings, canary, stable, expected):
    assert reason(settings, canary, stable) == expected


def test_the_verdict_says_what_was_seen_and_what_the_limit_is():
    verdict = judge(StopSettings(), window(200, errors=50), window(100, errors=1))

    assert verdict.detail == "50 of 200 requests failed (25.0%), of stable's 1.0%; the limit is 5.0% more"
