"""Several model servers, of which one is in trouble."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import pytest

from tests.serving.gateway.asking import EVERY_WAY, grpc_predict, image_body
from tests.serving.gateway.fake_backend import FakeBackend
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import eventually, running_gateway
from tests.serving.gateway.test_metrics import samples, value

pytest_plugins = ("tests.serving.gateway.fixtures",)


@pytest.fixture
def other():
    with FakeBackend() as fake:
        yield fake


def until_known(gateway, *backends):
    eventually(
        lambda: all(value(samples(gateway), "backend_available", backend=backend.address) == 1 for backend in backends)
    )


def refuse(code):
    return lambda request, context: context.abort(code, "not now")


@pytest.mark.parametrize("ask", EVERY_WAY[:4], ids=lambda ask: ask.__name__)
def test_another_server_answers_what_one_is_unavailable_for(backend, other, ask):
    backend.before_predict = refuse(grpc.StatusCode.UNAVAILABLE)
    enough = {"retries": {"min_per_second": 100}}
    with running_gateway(backend.address, other.address, balancing=enough) as gateway:
        until_known(gateway, backend, other)

        assert [ask(gateway) for _ in range(4)] == [1] * 4
        assert value(samples(gateway), "retries_total", method="Predict") >= 1


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT])
def test_what_was_answered_is_not_asked_again(backend, other, code):
    for fake in (backend, other):
        fake.before_predict = refuse(code)
    with running_gateway(backend.address, other.address) as gateway:
        until_known(gateway, backend, other)
        gateway.post(RED)

        assert len(backend.requests) + len(other.requests) == 1


def test_retries_end_with_their_budget(backend, other):
    for fake in (backend, other):
        fake.before_predict = refuse(grpc.StatusCode.UNAVAILABLE)
    retries = {"share": 0.0, "min_per_second": 0.001}
    with running_gateway(backend.address, other.address, balancing={"retries": retries}) as gateway:
        until_known(gateway, backend, other)
        assert gateway.post(RED).status_code == 503

        assert len(backend.requests) + len(other.requests) == 1
        assert value(samples(gateway), "retry_budget_exhausted_total", method="Predict") == 1
        assert value(samples(gateway), "retries_total") == 0


def test_a_single_server_is_asked_once(backend):
    backend.before_predict = refuse(grpc.StatusCode.UNAVAILABLE)
    with running_gateway(backend.address) as gateway:
        assert gateway.post(RED).status_code == 503
        assert len(backend.requests) == 1


def test_a_server_that_keeps_failing_is_left_alone_and_then_tried_with_one_request(backend, other):
    backend.before_predict = refuse(grpc.StatusCode.UNAVAILABLE)
    balancing = {
        "ejection": {"consecutive_failures": 3, "base_seconds": 2.0},
        "retries": {"min_per_second": 100},
    }
    with running_gateway(backend.address, other.address, balancing=balancing) as gateway:
        until_known(gateway, backend, other)
        circuit = {"backend": backend.address}
        while value(samples(gateway), "backend_circuit", **circuit) != 1:
            assert grpc_predict(gateway) == 1
        asked = len(backend.requests)
        assert [grpc_predict(gateway) for _ in range(4)] == [1] * 4
        assert len(backend.requests) == asked
        backend.before_predict = lambda request, context: None
        eventually(lambda: grpc_predict(gateway) and value(samples(gateway), "backend_circuit", **circuit) == 0)
        assert len(backend.requests) > asked


def test_a_busy_server_gets_less(backend, other):
    released = threading.Event()
    backend.before_predict = lambda request, context: released.wait(20)
    with running_gateway(backend.address, other.address) as gateway, ThreadPoolExecutor(4) as threads:
        until_known(gateway, backend, other)
        waiting = []
        while not backend.requests:
            waiting.append(threads.submit(image_body, gateway))
            eventually(lambda: len(backend.requests) + len(other.requests) == len(waiting))
        for _ in range(5):
            image_body(gateway)
        assert len(backend.requests) == 1
        released.set()
        assert {answer.result() for answer in waiting} == {1}


def test_a_server_that_hangs_answers_503_at_once_and_is_found_again(backend, monkeypatch):
    monkeypatch.setattr("serving.gateway.backend._STATUS_TIMEOUT_SECONDS", 0.2)
    with running_gateway(backend.address) as gateway:
        answering = backend.hang()
        eventually(lambda: gateway.get("/readyz").status_code == 503)
        answer = httpx.post(
            f"{gateway.url}/v1/models/pets:predict", content=RED, headers={"content-type": "image/png"}, timeout=20
        )

        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        assert not backend.requests
        answering.set()
        eventually(lambda: gateway.get("/readyz").status_code == 200)
        assert image_body(gateway) == 1


def test_a_server_that_answers_requests_is_not_taken_for_hanging(backend, monkeypatch):
    monkeypatch.setattr("serving.gateway.backend._STATUS_TIMEOUT_SECONDS", 0.1)
    with running_gateway(backend.address) as gateway:
        answering = backend.hang()
        for _ in range(30):
            assert image_body(gateway) == 1
        answering.set()
