"""Model servers that are slow, go away, or change, and clients that do."""

import socket
import threading
import time

import grpc
import httpx
import pytest

from serving import tensors
from serving.protos import predict_pb2, prediction_service_pb2_grpc
from tests.serving.gateway.fake_backend import FakeBackend
from tests.serving.gateway.pictures import RED, noisy_jpeg
from tests.serving.gateway.running import eventually, running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_no_backend_answers_503_quickly_and_is_not_ready():
    with running_gateway(f"127.0.0.1:{free_port()}", wait_ready=False) as gateway:
        started = time.monotonic()
        answer = gateway.post(RED)

        assert time.monotonic() - started < 2
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        assert "retry-after" in answer.headers
        assert (gateway.get("/livez").status_code, gateway.get("/readyz").status_code) == (200, 503)
        assert "pets" in gateway.get("/readyz").json()["reason"]


def test_a_refused_image_is_named_even_without_a_backend():
    with running_gateway(f"127.0.0.1:{free_port()}", wait_ready=False) as gateway:
        assert gateway.post(b"text").json()["reason"] == "unknown_format"


def test_a_model_that_still_loads_is_not_ready(backend):
    backend.available = False
    with running_gateway(backend.address, wait_ready=False) as gateway:
        time.sleep(0.3)
        assert gateway.get("/readyz").status_code == 503
        backend.available = True
        eventually(lambda: gateway.get("/readyz").status_code == 200)


def test_slow_backend_answers_504_at_the_clients_deadline(backend):
    backend.sleep(5)
    with running_gateway(backend.address) as gateway:
        for headers in ({"x_deadline_ms": "300"}, {"grpc_timeout": "300m"}):
            started = time.monotonic()
            answer = gateway.post(RED, **headers)

            assert 0.25 < time.monotonic() - started < 1.5
            assert (answer.status_code, answer.json()["code"]) == (504, "DEADLINE_EXCEEDED")
            assert "300 ms" in answer.json()["error"]


def test_the_deadline_travels_to_the_backend(backend):
    with running_gateway(backend.address, max_deadline_seconds=4.0) as gateway:
        gateway.post(RED, x_deadline_ms="2500")
        gateway.post(RED, x_deadline_ms="60000")

        assert 1.5 < backend.seconds_left[0] <= 2.6
        assert backend.seconds_left[1] <= 4.1


def test_backend_that_stops_and_comes_back_is_found_again(backend):
    with running_gateway(backend.address) as gateway:
        assert gateway.post(RED).status_code == 200
        port = backend.port
        backend.stop()
        eventually(lambda: gateway.get("/readyz").status_code == 503)
        assert gateway.post(RED).status_code == 503
        backend.start(port)
        eventually(lambda: gateway.get("/readyz").status_code == 200)
        assert gateway.post(RED).status_code == 200


def test_backend_that_dies_under_a_request_gives_503_not_a_hang(backend):
    backend.sleep(10)
    with running_gateway(backend.address) as gateway:
        answers = []
        asking = threading.Thread(target=lambda: answers.append(gateway.post(RED)))
        asking.start()
        eventually(lambda: backend.requests)
        started = time.monotonic()
        backend.stop()
        asking.join(10)

        assert time.monotonic() - started < 5
        assert answers[0].status_code == 503


def test_requests_go_to_the_backend_that_has_the_model(backend):
    with FakeBackend() as other:
        other.available = False
        with running_gateway(backend.address, other.address) as gateway:
            time.sleep(0.3)
            assert [gateway.post(RED).status_code for _ in range(4)] == [200] * 4
            assert (len(backend.requests), len(other.requests)) == (4, 0)


def test_two_backends_share_the_requests(backend):
    with FakeBackend() as other, running_gateway(backend.address, other.address) as gateway:
        time.sleep(0.3)
        for _ in range(6):
            assert gateway.post(RED).status_code == 200
        assert min(len(backend.requests), len(other.requests)) >= 2


def test_model_errors_pass_with_their_code(backend):
    backend.before_predict = lambda request, context: context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "queue is full")
    with running_gateway(backend.address) as gateway:
        answer = gateway.post(RED)

        assert (answer.status_code, answer.json()["error"]) == (429, "queue is full")


def test_a_damaged_images_error_wins_over_the_backends_answer(backend):
    backend.before_predict = lambda request, context: context.abort(grpc.StatusCode.INTERNAL, "decoder died")
    with running_gateway(backend.address) as gateway:
        damaged = noisy_jpeg()[:3000]

        assert gateway.post(damaged).json()["reason"] == "truncated"
        backend.before_predict = lambda request, context: None
        assert gateway.post(damaged).json()["reason"] == "truncated"
        assert gateway.post(noisy_jpeg()).status_code == 200


def test_verification_can_be_switched_off(backend):
    with running_gateway(backend.address, verify_images=False) as gateway:
        assert gateway.post(noisy_jpeg()[:3000]).status_code == 200


def test_a_model_that_does_not_describe_itself_still_answers(backend):
    backend.describes = False
    with running_gateway(backend.address) as gateway:
        answer = gateway.post(RED).json()

        assert answer["preprocessing_version"] is None
        assert answer["predictions"][0]["label"] == "cat"


def test_signatures_and_description_are_asked_for_once_for_each_version(backend):
    with running_gateway(backend.address) as gateway:
        for _ in range(3):
            gateway.post(RED)
        assert sorted(backend.calls) == ["describe", "metadata"]
        backend.version = 2
        for _ in range(3):
            assert gateway.post(RED).json()["model"]["version"] == "2"
        assert sorted(backend.calls) == ["describe", "describe", "metadata", "metadata"]


def test_a_request_that_fits_only_the_new_version_works_at_once(backend):
    with running_gateway(backend.address) as gateway:
        assert gateway.post(RED, "?signature_name=fresh").status_code == 400
        backend.version = 2
        backend.signatures["fresh"] = {"image_bytes": 7}

        assert gateway.post(RED, "?signature_name=fresh").status_code == 200


def test_a_client_that_leaves_cancels_the_call(backend):
    backend.sleep(10)
    with running_gateway(backend.address) as gateway:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{gateway.url}/v1/models/pets:predict", content=RED, headers={"content-type": "image/png"}, timeout=0.3
            )

        assert backend.cancelled.wait(5)


def test_a_grpc_client_that_leaves_cancels_the_call(backend):
    backend.sleep(10)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "pets"
    request.inputs["image_bytes"].CopyFrom(tensors.to_proto([RED]))
    with running_gateway(backend.address) as gateway, grpc.insecure_channel(gateway.grpc) as channel:
        call = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict.future(request)
        eventually(lambda: backend.requests)
        call.cancel()

        assert backend.cancelled.wait(5)
