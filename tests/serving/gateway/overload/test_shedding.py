"""Requests that are turned away at the door, over both protocols."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from serving import tensors
from serving.protos import predict_pb2, prediction_service_pb2_grpc
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import eventually, running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)


@pytest.fixture
def full(backend, tmp_path):
    """A gateway whose two slots are taken until `backend` lets go."""
    backend.sleep(30.0)
    log = tmp_path / "log"
    with (
        running_gateway(backend.address, max_concurrent_requests=2, log={"path": str(log)}) as gateway,
        ThreadPoolExecutor(2) as threads,
    ):
        accepted = [threads.submit(gateway.post, RED, x_deadline_ms="2000") for _ in range(2)]
        eventually(lambda: len(backend.requests) == 2)
        yield gateway, log
        assert {call.result().status_code for call in accepted} == {504}


def metric(gateway, name):
    return [line for line in gateway.get("/metrics").text.splitlines() if line.startswith(f"darkroom_gateway_{name}{{")]


def test_it_is_told_counted_and_logged(full):
    gateway, log = full
    answers = [gateway.post(RED, x_request_id=f"id-{n}") for n in range(15)]
    request = predict_pb2.PredictRequest()
    request.inputs["image_bytes"].CopyFrom(tensors.to_proto([RED]))
    with grpc.insecure_channel(gateway.grpc) as channel, pytest.raises(grpc.RpcError) as failure:
        prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=10)

    assert {answer.status_code for answer in answers} == {429}
    assert answers[3].json()["request_id"] == answers[3].headers["x-request-id"] == "id-3"
    assert answers[3].headers["retry-after"] == "1"
    assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert dict(failure.value.trailing_metadata())["x-request-id"]
    assert metric(gateway, "shed_requests_total") == [
        'darkroom_gateway_shed_requests_total{protocol="rest",reason="concurrency"} 15.0',
        'darkroom_gateway_shed_requests_total{protocol="grpc",reason="concurrency"} 1.0',
    ]
    lines = lambda: [json.loads(line) for line in log.read_text().splitlines()]  # noqa: E731
    eventually(
        lambda: sum(line.get("requests", 1) for line in lines() if line.get("code") != "DEADLINE_EXCEEDED") == 16
    )
    assert lines()[0]["request_id"] == "id-0"


def test_what_takes_no_slot_is_answered_all_the_same(full):
    gateway, _ = full
    assert gateway.get("/livez").status_code == 200
    assert gateway.get("/v1/models/pets").status_code == 200


def test_of_a_crowd_as_many_are_let_in_as_there_are_slots(backend):
    backend.sleep(0.3)
    request = (
        b"POST /v1/models/pets:predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        b"Content-Length: %d\r\n\r\n" % len(RED)
    )
    with running_gateway(backend.address, max_concurrent_requests=1) as gateway:
        crowd = [socket.create_connection(("127.0.0.1", gateway.rest_port), timeout=10) for _ in range(8)]
        for connection in crowd:
            connection.sendall(request + RED)
        statuses = sorted(connection.recv(100)[9:12] for connection in crowd)
        assert statuses == [b"200", *[b"429"] * 7]
        for connection in crowd:
            connection.close()


def test_a_burst_waits_where_a_queue_is_configured(backend):
    backend.sleep(0.1)
    with (
        running_gateway(backend.address, max_concurrent_requests=2, max_queue_seconds=10) as gateway,
        ThreadPoolExecutor(4) as threads,
    ):
        answers = list(threads.map(lambda _: gateway.post(RED), range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert any("queue" in answer.json()["timing_ms"] for answer in answers)


def test_queue_time_is_a_reason_of_its_own(backend):
    backend.sleep(30.0)
    with (
        running_gateway(backend.address, max_concurrent_requests=1, max_queue_seconds=0.05) as gateway,
        ThreadPoolExecutor(1) as threads,
    ):
        first = threads.submit(gateway.post, RED, x_deadline_ms="1000")
        eventually(lambda: backend.requests)
        answer = gateway.post(RED)
        assert answer.status_code == 429
        assert "0.05 s" in answer.json()["error"]
        assert 'reason="queue_time"} 1.0' in metric(gateway, "shed_requests_total")[0]
        first.result()
