"""Spans of a live model server, received by a real OTLP collector, alone and behind a gateway."""

import subprocess
import sys

import grpc
import numpy as np
import pytest

from darkroom.cli.model_server import command
from serving import tensors
from serving.errors import Code, ServingError
from serving.gateway.supervisor import model_server_command
from serving.gateway.tracing.settings import TracingSettings as GatewayTracing
from serving.model_server.batching.settings import BatchingSettings
from serving.model_server.flags import Flags
from serving.model_server.settings import ModelSettings
from serving.model_server.tracing.settings import TracingSettings
from serving.protos import get_model_status_pb2, predict_pb2, prediction_service_pb2_grpc
from tests.serving.collector import PARENT_ID, TRACE_ID, TRACEPARENT
from tests.serving.gateway.running import running_gateway
from tests.serving.model_server.running import RunningServer
from tests.serving.model_server.test_versions import EchoRuntime, EchoServable, add


class Breaking(EchoServable):
    """Fails for numbers below zero, and for NaN by a bug."""

    def run(self, signature_name, inputs, outputs):
        if np.isnan(inputs["x"]).any():
            raise ZeroDivisionError("of which no client hears")
        if (inputs["x"] < 0).any():
            raise ServingError(Code.INTERNAL, "broken")
        return super().run(signature_name, inputs, outputs)


@pytest.fixture
def serve(tmp_path, collector):
    """A server of version 1 of `pets`, stopped by the test, so that its spans are here."""
    add(tmp_path / "pets", 1)
    runtime = EchoRuntime()
    runtime.load = lambda path: Breaking(int(path.name))

    def start(**settings):
        tracing = {"tracing": TracingSettings(collector.endpoint), **settings}
        return RunningServer(ModelSettings("pets", tmp_path / "pets"), runtime=runtime, **tracing)

    return start


def ask(channel, *metadata, x=0.0, model="pets"):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.inputs["x"].CopyFrom(tensors.to_proto(np.float32([x])))
    prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=20, metadata=metadata)


def attributes(span):
    return {item.key: item.value.string_value or item.value.int_value for item in span.attributes}


@pytest.mark.parametrize("batching", [None, BatchingSettings()], ids=["unbatched", "batched"])
def test_a_grpc_request_continues_its_callers_trace(serve, collector, batching):
    with serve(batching=batching) as server:
        server.wait_available("pets")
        ask(server.channel, ("traceparent", TRACEPARENT))

    (root,) = collector.named("grpc Predict")
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (TRACE_ID, PARENT_ID)
    described = {"darkroom.model": "pets", "darkroom.version": 1, "darkroom.code": "OK"}
    assert described.items() <= attributes(root).items()
    (run,) = collector.named("run")
    assert run.parent_span_id == root.span_id
    assert root.start_time_unix_nano <= run.start_time_unix_nano <= run.end_time_unix_nano <= root.end_time_unix_nano
    assert {resource["service.name"] for resource in collector.resources} == {"darkroom-model-server"}


def test_a_rest_request_continues_its_clients_trace(serve, collector):
    with serve() as server:
        server.wait_available("pets")
        answer = server.http.post(
            "/v1/models/pets:predict", json={"instances": [0.0]}, headers={"traceparent": TRACEPARENT}
        )
        assert answer.status_code == 200

    (root,) = collector.named("rest Predict")
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (TRACE_ID, PARENT_ID)


def test_a_gateway_and_its_model_server_are_one_trace(serve, collector):
    with serve() as server:
        server.wait_available("pets")
        address = f"127.0.0.1:{server.ports.grpc_port}"
        with (
            running_gateway(address, tracing={"otlp_endpoint": collector.endpoint}) as gateway,
            grpc.insecure_channel(gateway.grpc) as channel,
        ):
            ask(channel)

    (of_gateway,) = collector.named("grpc predict")
    (of_server,) = collector.named("grpc Predict")
    parents = {span.span_id: span for span in collector.spans}
    call = parents[of_server.parent_span_id]
    assert (call.name, call.parent_span_id) == ("model server Predict", of_gateway.span_id)
    assert of_gateway.trace_id == of_server.trace_id


def test_only_failures_of_the_server_are_errors(serve, collector):
    with serve() as server:
        server.wait_available("pets")
        for wrong in ({"model": "absent"}, {"x": -1.0}, {"x": np.nan}):
            with pytest.raises(grpc.RpcError):
                ask(server.channel, **wrong)

    mistake, broken, bug = sorted(collector.named("grpc Predict"), key=lambda span: span.start_time_unix_nano)
    assert (mistake.status.code, attributes(mistake)["darkroom.code"]) == (0, "NOT_FOUND")
    assert (broken.status.code, broken.status.message) == (2, "broken")
    assert (bug.status.code, bug.status.message) == (2, "ZeroDivisionError")


def test_a_caller_that_does_not_sample_is_obeyed(serve, collector):
    with serve() as server:
        server.wait_available("pets")
        ask(server.channel, ("traceparent", TRACEPARENT[:-1] + "0"))

    assert collector.spans == []


def test_a_wrong_trace_context_begins_a_new_trace(serve, collector):
    with serve() as server:
        server.wait_available("pets")
        ask(server.channel, ("traceparent", "00-" + "0" * 32 + "-nonsense"), ("tracestate", "=="))

    (root,) = collector.named("grpc Predict")
    assert not root.parent_span_id


def test_looking_at_the_status_is_no_span(serve, collector):
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "pets"
    with serve() as server:
        server.wait_available("pets")
        server.models.GetModelStatus(status, timeout=20)

    assert collector.spans == []


def test_a_collector_that_is_away_costs_no_request(serve):
    with serve(tracing=TracingSettings("http://127.0.0.1:9")) as server:
        server.wait_available("pets")
        ask(server.channel)


def test_opentelemetry_is_not_imported_unless_switched_on():
    code = "import sys, serving.model_server.server; assert not any('opentelemetry' in name for name in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_embedded_model_server_sends_to_the_gateways_collector(tmp_path):
    tracing = GatewayTracing(otlp_endpoint="http://collector:4317", sample_rate=0.25)
    words = model_server_command("pets", tmp_path, tracing=tracing)
    given = command.make_context("model-server", words[words.index("model-server") + 1 :]).params
    settings = Flags(**{name: given[name] for name in Flags.__slots__}).settings()

    assert settings.tracing == TracingSettings("http://collector:4317", 0.25)
    assert "--tracing-otlp-endpoint" not in model_server_command("pets", tmp_path, tracing=GatewayTracing())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"otlp_endpoint": "collector:4317"}, "http://HOST:PORT"),
        ({"otlp_endpoint": "http://user@collector"}, "http://HOST:PORT"),
        ({"otlp_endpoint": "http://c", "sample_rate": 1.5}, "between 0 and 1"),
        ({"otlp_endpoint": "http://c", "service_name": ""}, "not be empty"),
    ],
)
def test_wrong_settings_fail_when_built(wrong, words):
    with pytest.raises(ValueError, match=words):
        TracingSettings(**wrong)
