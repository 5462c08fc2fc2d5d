"""The rules of ejection, with a clock that the test moves."""

import pytest
from prometheus_client import CollectorRegistry

from serving.errors import Code
from serving.gateway.balancing.ejection import Ejections
from serving.gateway.balancing.metrics import BalancingMetrics
from serving.gateway.balancing.settings import EjectionSettings

SERVERS = ("a:1", "b:1", "c:1")


class Trial:
    """Ejections of three servers."""

    def __init__(self, *servers, **settings):
        self.now = 0.0
        self.registry = CollectorRegistry()
        self.ejections = Ejections(EjectionSettings(**settings), BalancingMetrics(self.registry), lambda: self.now)
        self.ejections.set_servers(servers or SERVERS)

    def call(self, server, code=None, *, times=1, seconds=0.01, allowed=30.0):
        for _ in range(times):
            trial = self.ejections.call_started(server)
            self.ejections.call_ended(server, code, seconds=seconds, allowed_seconds=allowed, trial=trial)

    def admitted(self):
        return [server for server in SERVERS if self.ejections.admits(server)]

    def circuit(self, server):
        return self.registry.get_sample_value("darkroom_gateway_backend_circuit", {"backend": server})

    def count(self, name, **labels):
        return self.registry.get_sample_value(f"darkroom_gateway_{name}_total", labels)


def test_failures_in_a_row_eject_and_an_answer_between_them_does_not():
    trial = Trial()
    for server in ("a:1", "b:1"):
        trial.call(server, Code.UNAVAILABLE, times=4)
    trial.call("b:1")
    for server in ("a:1", "b:1"):
        trial.call(server, Code.UNAVAILABLE)

    assert trial.admitted() == ["b:1", "c:1"]
    assert trial.circuit("a:1") == 1
    assert trial.count("backend_ejections", backend="a:1", reason="consecutive_failures") == 1


@pytest.mark.parametrize("code", [Code.INTERNAL, Code.INVALID_ARGUMENT, Code.RESOURCE_EXHAUSTED, Code.NOT_FOUND])
def test_what_the_model_or_the_request_does_is_no_failure_in_a_row(code):
    trial = Trial()
    trial.call("a:1", code, times=50)

    assert trial.admitted() == list(SERVERS)


def test_a_deadline_too_short_to_be_kept_blames_no_server():
    trial = Trial()
    trial.call("a:1", Code.DEADLINE_EXCEEDED, times=50, allowed=0.001)
    assert trial.admitted() == list(SERVERS)
    trial.call("a:1", Code.DEADLINE_EXCEEDED, times=5, allowed=1.0)
    assert trial.admitted() == ["b:1", "c:1"]


def test_one_request_tries_a_server_when_its_time_is_over():
    trial = Trial(base_seconds=5)
    trial.call("a:1", Code.UNAVAILABLE, times=5)
    trial.now = 4.9
    assert trial.admitted() == ["b:1", "c:1"]
    trial.now = 5.0
    assert trial.admitted() == list(SERVERS)
    assert trial.ejections.call_started("a:1")
    assert trial.admitted() == ["b:1", "c:1"]
    assert trial.circuit("a:1") == 0.5
    trial.ejections.call_ended("a:1", None, seconds=0.01, allowed_seconds=30, trial=True)
    assert trial.admitted() == list(SERVERS)
    assert trial.circuit("a:1") == 0


def test_a_trial_whose_client_leaves_decides_nothing():
    trial = Trial(base_seconds=5)
    trial.call("a:1", Code.UNAVAILABLE, times=5)
    trial.now = 5.0
    trial.call("a:1", Code.CANCELLED)

    assert trial.ejections.call_started("a:1")


def test_each_ejection_takes_twice_as_long_up_to_the_longest():
    trial = Trial(base_seconds=5, max_seconds=15)
    trial.call("a:1", Code.UNAVAILABLE, times=5)
    for seconds in (5, 10, 15, 15):
        trial.now += seconds - 0.1
        assert "a:1" not in trial.admitted()
        trial.now += 0.1
        trial.call("a:1", Code.UNAVAILABLE)
    assert trial.count("backend_ejections", backend="a:1", reason="trial") == 4


def test_good_intervals_make_the_next_ejection_shorter_again():
    trial = Trial(base_seconds=5, interval_seconds=10, min_requests=5)
    trial.call("a:1", Code.UNAVAILABLE, times=5)
    for _ in range(2):
        trial.now += 10
        for server in SERVERS:
            trial.call(server, times=6)
    trial.call("a:1", Code.UNAVAILABLE, times=5)
    trial.now += 5

    assert trial.admitted() == list(SERVERS)


def test_no_more_than_the_share_is_ejected():
    trial = Trial(max_share=0.5)
    for server in SERVERS:
        trial.call(server, Code.UNAVAILABLE, times=5)
    assert trial.admitted() == ["b:1", "c:1"]
    assert trial.count("backend_ejections_spared", reason="consecutive_failures") == 2

    alone = Trial("a:1")
    alone.call("a:1", Code.UNAVAILABLE, times=50)
    assert alone.ejections.admits("a:1")


def test_an_interval_ejects_the_server_that_fails_more_than_the_others():
    trial = Trial(interval_seconds=10, min_requests=20)
    for server in SERVERS:
        trial.call(server, Code.INTERNAL, times=2)
        trial.call(server, times=18)
    trial.call("b:1", Code.INTERNAL, times=10)
    trial.now = 10.0
    trial.call("a:1")

    assert trial.admitted() == ["a:1", "c:1"]
    assert trial.count("backend_ejections", backend="b:1", reason="failure_rate") == 1


def test_an_interval_ejects_the_server_that_is_slower_than_the_others():
    trial = Trial(interval_seconds=10, min_requests=20, max_latency_of_others=4)
    for server, seconds in zip(SERVERS, (0.010, 0.039, 0.050), strict=True):
        trial.call(server, times=20, seconds=seconds)
    trial.now = 10.0
    trial.call("a:1")
    assert trial.admitted() == list(SERVERS)  # the median of the others is slow as well
    for server, seconds in zip(SERVERS, (0.010, 0.011, 0.050), strict=True):
        trial.call(server, times=20, seconds=seconds)
    trial.now = 20.0
    trial.call("a:1")
    assert trial.admitted() == ["a:1", "b:1"]


def test_too_few_requests_are_not_compared():
    trial = Trial(interval_seconds=10, min_requests=20)
    trial.call("a:1", Code.INTERNAL, times=19)
    trial.call("b:1", times=20)
    trial.now = 10.0
    trial.call("c:1")

    assert trial.admitted() == list(SERVERS)


def test_a_server_that_left_the_list_is_forgotten():
    trial = Trial(base_seconds=100)
    trial.call("a:1", Code.UNAVAILABLE, times=5)
    trial.ejections.set_servers(("b:1",))
    trial.call("a:1", Code.UNAVAILABLE)
    trial.ejections.set_servers(SERVERS)

    assert trial.admitted() == list(SERVERS)
