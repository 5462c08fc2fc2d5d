"""Traces of a live gateway, received by a real OTLP collector, and the trace context on its way through."""

import json
import subprocess
import sys
import threading

import grpc
import pytest

from serving import tensors
from serving.protos import predict_pb2, prediction_service_pb2_grpc
from tests.serving.collector import TRACE_ID, TRACEPARENT
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)


@pytest.fixture
def received(backend):
    """The metadata of each Predict that the model server got."""
    seen = []
    backend.before_predict = lambda request, context: seen.append(dict(context.invocation_metadata()))
    return seen


def over_grpc(gateway, *metadata, image=RED):
    request = predict_pb2.PredictRequest()
    request.inputs["image_bytes"].CopyFrom(tensors.to_proto([image]))
    with grpc.insecure_channel(gateway.grpc) as channel:
        return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(
            request, timeout=20, metadata=metadata
        )


def test_a_rest_request_continues_its_clients_trace_to_the_backend(backend, collector, received, tmp_path):
    log = tmp_path / "log"
    with running_gateway(
        backend.address,
        tracing={"otlp_endpoint": collector.endpoint, "service_name": "my-gateway"},
        log={"requests": "all", "path": str(log)},
    ) as gateway:
        gateway.post(RED, traceparent=TRACEPARENT, x_request_id="mine")

    (root,) = collector.named("rest predict")
    assert root.trace_id.hex() == TRACE_ID
    assert root.parent_span_id.hex() == "00f067aa0ba902b7"
    attributes = {item.key: item.value for item in root.attributes}
    assert attributes["darkroom.request_id"].string_value == "mine"
    assert attributes["darkroom.version"].int_value == 1
    assert {resource["service.name"] for resource in collector.resources} == {"my-gateway"}

    children = [span for span in collector.spans if span.parent_span_id == root.span_id]
    assert {"inspect", "verify", "model server Predict"} <= {span.name for span in children}
    # The call for the model's description is one of them too.
    calls = [span.span_id.hex() for span in children if span.name == "model server Predict"]
    assert received[0]["traceparent"] in [f"00-{TRACE_ID}-{call}-01" for call in calls]
    assert json.loads(log.read_text())["trace_id"] == TRACE_ID


def test_a_grpc_request_continues_its_clients_trace_to_the_backend(backend, collector, received):
    with running_gateway(backend.address, tracing={"otlp_endpoint": collector.endpoint}) as gateway:
        over_grpc(gateway, ("traceparent", TRACEPARENT), ("tracestate", "vendor=1"))

    (root,) = collector.named("grpc predict")
    assert root.trace_id.hex() == TRACE_ID
    assert received[0]["traceparent"].startswith(f"00-{TRACE_ID}-")
    assert received[0]["tracestate"] == "vendor=1"


def test_requests_at_the_same_time_keep_their_traces_apart(backend, collector, received):
    with running_gateway(backend.address, tracing={"otlp_endpoint": collector.endpoint}) as gateway:
        threads = [threading.Thread(target=gateway.post, args=(RED,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    roots = {span.span_id: span.trace_id for span in collector.named("rest predict")}
    calls = [span for span in collector.named("model server Predict") if span.parent_span_id in roots]
    assert len(set(roots.values())) == 8
    assert {span.parent_span_id for span in calls} == roots.keys()
    assert all(span.trace_id == roots[span.parent_span_id] for span in calls)


def test_only_failures_of_the_server_are_errors(backend, collector):
    with running_gateway(backend.address, tracing={"otlp_endpoint": collector.endpoint}) as gateway:
        gateway.post(b"text")
        backend.before_predict = lambda request, context: context.abort(grpc.StatusCode.INTERNAL, "broken")
        gateway.post(RED)

    refused, broken = sorted(collector.named("rest predict"), key=lambda span: span.start_time_unix_nano)
    assert refused.status.code == 0
    assert (broken.status.code, broken.status.message) == (2, "broken")


def test_a_client_that_does_not_sample_is_obeyed(backend, collector, received):
    with running_gateway(backend.address, tracing={"otlp_endpoint": collector.endpoint}) as gateway:
        gateway.post(RED, traceparent=TRACEPARENT[:-1] + "0")

    assert collector.named("rest predict") == []
    assert received[0]["traceparent"].endswith("-00")


def test_a_collector_that_is_away_costs_no_request(backend):
    with running_gateway(backend.address, tracing={"otlp_endpoint": "http://127.0.0.1:9"}) as gateway:
        assert gateway.post(RED).status_code == 200


@pytest.mark.parametrize(
    ("traceparent", "trace_id"),
    [(TRACEPARENT, TRACE_ID), ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", None), ("text", None), ("", None)],
)
def test_without_tracing_a_valid_trace_context_is_logged_and_passed_on(
    backend, received, tmp_path, traceparent, trace_id
):
    log = tmp_path / "log"
    with running_gateway(backend.address, log={"requests": "all", "path": str(log)}) as gateway:
        gateway.post(RED, traceparent=traceparent)

    assert json.loads(log.read_text()).get("trace_id") == trace_id
    assert received[0].get("traceparent") == (traceparent if trace_id else None)


@pytest.mark.parametrize("tracestate", ["ü=1", "a=" + "b" * 600, "a=\x01"])
def test_a_tracestate_that_grpc_would_refuse_is_left_out(backend, received, tracestate):
    import http.client

    with running_gateway(backend.address) as gateway:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.rest_port, timeout=20)
        headers = {"content-type": "image/png", "traceparent": TRACEPARENT, "tracestate": tracestate.encode("latin-1")}
        connection.request("POST", "/v1/models/pets:predict", RED, headers)
        status = connection.getresponse().status
        connection.close()

    # The HTTP server itself refuses control characters.
    assert status == (400 if "\x01" in tracestate else 200)
    assert [("traceparent" in metadata, "tracestate" in metadata) for metadata in received] == (
        [] if status == 400 else [(True, False)]
    )


def test_opentelemetry_is_not_imported_unless_switched_on():
    code = "import sys, serving.gateway.server; assert not any('opentelemetry' in name for name in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
