"""A canary that does badly loses its traffic by itself."""

import logging

import grpc
import pytest

from serving.gateway.releases.settings import ReleaseSettings
from tests.serving.gateway.asking import grpc_predict
from tests.serving.gateway.releases.test_releases import OF_CANARY, OF_STABLE
from tests.serving.gateway.running import running_gateway
from tests.serving.gateway.test_metrics import samples, value

pytest_plugins = ("tests.serving.gateway.fixtures",)


def releases(**stop):
    return {
        "stable": 1,
        "canary": {"target": 2, "weight": 0.5, "stop": {"min_requests": 5, **stop}},
        "sticky_header": "client",
    }


def ask(gateway, client):
    try:
        return grpc_predict(gateway, client=client)
    except grpc.RpcError as error:
        return error.code().name


@pytest.fixture
def backend(backend):
    backend.loaded = {1, 2}
    return backend


def fail_version_2(backend):
    def fail(request, context):
        if backend.version_of(request.model_spec) == 2:
            context.abort(grpc.StatusCode.INTERNAL, "broken weights")

    backend.before_predict = fail


def test_a_canary_that_fails_is_stopped_and_stays_so(backend, caplog):
    fail_version_2(backend)
    with running_gateway(backend.address, releases=releases()) as gateway:
        assert [ask(gateway, OF_STABLE) for _ in range(5)] == [1] * 5
        with caplog.at_level(logging.ERROR):
            assert [ask(gateway, OF_CANARY) for _ in range(7)] == ["INTERNAL"] * 5 + [1] * 2

        assert "Canary 2 is stopped: 5 of 5 requests failed" in caplog.text
        found = samples(gateway)
        assert value(found, "canary_stopped") == 1
        assert value(found, "canary_weight") == 0
        assert value(found, "canary_stops_total", reason="error_rate") == 1
        state = gateway.get("/releases").json()["canary"]
        assert (state["stopped"], state["window"]["canary"]["errors"]) == (True, 5)
        backend.before_predict = lambda request, context: None
        assert ask(gateway, OF_CANARY) == 1


def test_only_changed_settings_start_it_again(backend):
    fail_version_2(backend)
    with running_gateway(backend.address, releases=releases(max_error_rate=0.5)) as gateway:
        for _ in range(5):
            ask(gateway, OF_CANARY)
        backend.before_predict = lambda request, context: None

        async def configure(settings):
            return gateway.gateway.releases.configure(ReleaseSettings(**settings))

        assert gateway.run(configure(releases(max_error_rate=0.5))) is False
        assert ask(gateway, OF_CANARY) == 1
        assert gateway.run(configure(releases(max_error_rate=0.6))) is True
        assert ask(gateway, OF_CANARY) == 2
        assert value(samples(gateway), "canary_stopped") == 0


def test_a_canary_that_is_slow_is_stopped(backend):
    with running_gateway(backend.address, releases=releases(max_latency_ms=40)) as gateway:
        backend.sleep(0.06)
        assert [ask(gateway, OF_CANARY) for _ in range(6)] == [2] * 5 + [1]
        assert value(samples(gateway), "canary_stops_total", reason="latency") == 1


def test_what_stable_suffers_too_stops_no_canary(backend):
    with running_gateway(backend.address, releases=releases()) as gateway:
        backend.before_predict = lambda request, context: context.abort(grpc.StatusCode.INTERNAL, "everything is")
        for _ in range(6):
            assert ask(gateway, OF_STABLE) == "INTERNAL"
            assert ask(gateway, OF_CANARY) == "INTERNAL"

        assert value(samples(gateway), "canary_stopped") == 0
