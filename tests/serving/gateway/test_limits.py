"""What the gateway refuses to take on."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import pytest

from serving import tensors
from serving.protos import predict_pb2, prediction_service_pb2_grpc
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import eventually, running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)


def grpc_request(*images):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "pets"
    request.inputs["image_bytes"].CopyFrom(tensors.to_proto(list(images)))
    return request


def test_body_over_the_limit_answers_413_announced_or_not(backend):
    with running_gateway(backend.address, max_request_bytes=2000) as gateway:
        announced = gateway.post(b"x" * 2001)
        chunked = gateway.post(iter([b"x" * 1500, b"x" * 1500]))

        assert [announced.status_code, chunked.status_code] == [413, 413]
        assert "2000" in announced.json()["error"]
        assert not backend.requests


def test_grpc_message_over_the_limit_is_resource_exhausted(backend):
    with (
        running_gateway(backend.address, max_request_bytes=2000) as gateway,
        grpc.insecure_channel(gateway.grpc) as channel,
    ):
        with pytest.raises(grpc.RpcError) as failure:
            prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(grpc_request(b"x" * 3000), timeout=10)

        assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("how", ["multipart", "grpc"])
def test_too_many_images_name_the_limit(backend, how):
    with running_gateway(backend.address, max_images_per_request=2) as gateway:
        if how == "multipart":
            files = [("f", (str(n), RED)) for n in range(3)]
            answer = httpx.post(f"{gateway.url}/v1/models/pets:predict", files=files)
            assert answer.status_code == 400
            message = answer.json()["error"]
        else:
            with grpc.insecure_channel(gateway.grpc) as channel, pytest.raises(grpc.RpcError) as failure:
                prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(
                    grpc_request(RED, RED, RED), timeout=10
                )
            message = failure.value.details()
        assert "2" in message
        assert "images" in message


def test_requests_over_the_limit_are_shed_and_accepted_ones_finish(backend):
    backend.sleep(1.0)
    with (
        running_gateway(backend.address, max_concurrent_requests=2, retry_after_seconds=7) as gateway,
        ThreadPoolExecutor(2) as threads,
        grpc.insecure_channel(gateway.grpc) as channel,
    ):
        accepted = [threads.submit(gateway.post, RED) for _ in range(2)]
        eventually(lambda: len(backend.requests) == 2)
        started = time.monotonic()
        shed = gateway.post(RED)
        with pytest.raises(grpc.RpcError) as failure:
            prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(grpc_request(RED), timeout=10)

        assert time.monotonic() - started < 0.6
        assert (shed.status_code, shed.json()["code"], shed.headers["retry-after"]) == (429, "RESOURCE_EXHAUSTED", "7")
        assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert dict(failure.value.trailing_metadata())["grpc-retry-pushback-ms"] == "7000"
        assert [call.result().status_code for call in accepted] == [200, 200]
        assert gateway.get("/livez").status_code == 200


def test_bytes_held_by_all_requests_are_bounded(backend):
    backend.sleep(0.8)
    with (
        running_gateway(backend.address, max_buffered_bytes=1024) as gateway,
        ThreadPoolExecutor(1) as threads,
    ):
        first = threads.submit(gateway.post, RED + b"\0" * (900 - len(RED)))
        eventually(lambda: backend.requests)
        second = gateway.post(RED + b"\0" * (900 - len(RED)))

        assert second.status_code == 429
        assert first.result().status_code == 200
        backend.before_predict = lambda request, context: None
        assert gateway.post(RED).status_code == 200


def test_half_sent_body_answers_408_and_holds_no_slot(backend):
    with (
        running_gateway(backend.address, body_timeout_seconds=1.0, max_concurrent_requests=1) as gateway,
        socket.create_connection(("127.0.0.1", gateway.rest_port), timeout=10) as connection,
    ):
        connection.sendall(
            b"POST /v1/models/pets:predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
            b"Content-Length: 100\r\n\r\nhalf"
        )
        limiter = gateway.gateway._limiter
        # It has gone through the door, too: two that arrive in one moment want one slot each.
        eventually(lambda: limiter.buffered_bytes and not limiter._door.arriving)
        assert gateway.post(RED).status_code == 200
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_a_client_that_leaves_in_the_middle_of_its_body_does_no_harm(backend):
    with running_gateway(backend.address) as gateway:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", gateway.rest_port), timeout=10) as connection:
                connection.sendall(
                    b"POST /v1/models/pets:predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
                    b"Content-Length: 100\r\n\r\nhalf"
                )
        assert gateway.post(RED).status_code == 200
        eventually(lambda: gateway.gateway._limiter.buffered_bytes == 0)
