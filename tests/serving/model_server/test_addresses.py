"""Where and how the server listens: Unix socket, TLS, gRPC's options, reflection, the metrics page."""

from __future__ import annotations

import json

import grpc
import pytest
from google.protobuf import descriptor_pool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from darkroom.errors import ConfigurationError, DarkroomError
from serving.model_server.settings import ModelSettings
from serving.model_server.tls import TlsSettings, read_tls_settings
from serving.protos import get_model_status_pb2, model_service_pb2_grpc
from tests.serving.certificates import Authority
from tests.serving.model_server.running import RunningServer
from tests.serving.model_server.test_versions import EchoRuntime, add


@pytest.fixture
def start(tmp_path):
    running = []

    def begin(**settings):
        add(tmp_path / "m", 1)
        server = RunningServer(ModelSettings("m", tmp_path / "m"), runtime=EchoRuntime(), **settings).__enter__()
        running.append(server)
        server.wait_available("m", 1)
        return server

    yield begin
    for server in running:
        server.__exit__(None, None, None)


def state(channel) -> int:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "m"
    with channel:
        answer = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=10)
    return answer.model_version_status[0].version


@pytest.fixture(scope="module")
def authority():
    return Authority()


def test_grpc_answers_on_a_unix_socket_beside_the_port(start, tmp_path):
    path = tmp_path / "grpc.sock"
    server = start(grpc_socket_path=path)
    assert state(grpc.insecure_channel(f"unix:{path}")) == 1
    assert state(grpc.insecure_channel(f"127.0.0.1:{server.ports.grpc_port}")) == 1


def test_tls_is_spoken_with_clients_that_trust_the_authority(start, authority):
    own = authority.issue()
    server = start(tls=TlsSettings(own.key, own.cert))
    address = f"localhost:{server.ports.grpc_port}"
    assert state(grpc.secure_channel(address, grpc.ssl_channel_credentials(authority.cert.encode()))) == 1
    for credentials in (grpc.ssl_channel_credentials(), grpc.ssl_channel_credentials(Authority().cert.encode())):
        with pytest.raises(grpc.RpcError) as caught:
            state(grpc.secure_channel(address, credentials))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(grpc.RpcError):
        state(grpc.insecure_channel(address))
    assert server.http.get("/v1/models/m").status_code == 200  # as in TF Serving, TLS is gRPC's only


def test_clients_must_show_a_certificate_if_asked(start, authority):
    own, client, stranger = authority.issue(), authority.issue("client"), Authority().issue("stranger")
    server = start(tls=TlsSettings(own.key, own.cert, authority.cert, client_verify=True))
    address = f"localhost:{server.ports.grpc_port}"
    root = authority.cert.encode()
    known = grpc.ssl_channel_credentials(root, client.key.encode(), client.cert.encode())
    assert state(grpc.secure_channel(address, known)) == 1
    unknown = grpc.ssl_channel_credentials(root, stranger.key.encode(), stranger.cert.encode())
    for credentials in (grpc.ssl_channel_credentials(root), unknown):
        with pytest.raises(grpc.RpcError):
            state(grpc.secure_channel(address, credentials))


def test_the_ssl_file_is_tf_servings(tmp_path, authority):
    own = authority.issue()
    path = tmp_path / "ssl.config"
    lines = {"server_key": own.key, "server_cert": own.cert, "custom_ca": authority.cert}
    path.write_text("\n".join(f"{name}: {json.dumps(text)}" for name, text in lines.items()) + "\nclient_verify: true")
    assert read_tls_settings(path) == TlsSettings(own.key, own.cert, authority.cert, client_verify=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('server_key: "x"', "TLS needs server_key and server_cert"),
        ('server_key: "x" server_cert: "y" client_verify: true', "client_verify needs custom_ca"),
        ("server_kee: 1", "server_kee"),
    ],
)
def test_a_wrong_ssl_file_is_named(tmp_path, text, words):
    path = tmp_path / "ssl.config"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=words) as caught:
        read_tls_settings(path)
    assert str(path) in str(caught.value)


def test_a_key_that_is_no_pem_stops_the_start(start):
    with pytest.raises(DarkroomError, match=r"Cannot listen on .* for gRPC"):
        start(tls=TlsSettings("no key", "no certificate"))


def test_a_key_is_not_shown_by_repr(authority):
    own = authority.issue()
    assert "PRIVATE KEY" not in repr(TlsSettings(own.key, own.cert))


def test_grpc_channel_arguments_reach_the_server(start):
    server = start(grpc_channel_arguments={"grpc.max_receive_message_length": 10})
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "m" * 100
    with pytest.raises(grpc.RpcError) as caught:
        server.models.GetModelStatus(request)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_reflection_describes_the_services(start):
    server = start()
    database = ProtoReflectionDescriptorDatabase(server.channel)
    assert set(database.get_services()) == {
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    pool = descriptor_pool.DescriptorPool(database)
    service = pool.FindServiceByName("tensorflow.serving.PredictionService")
    assert "Predict" in service.methods_by_name
    request = pool.FindMessageTypeByName("tensorflow.serving.PredictRequest")
    assert "output_filter" in request.fields_by_name


def test_the_metrics_page_may_lie_elsewhere_or_nowhere(start):
    server = start(metrics_path="/metrics")
    assert "request_count" in server.http.get("/metrics").text
    assert server.http.get("/monitoring/prometheus/metrics").status_code == 404


def test_without_a_metrics_path_there_is_no_page(start):
    assert start(metrics_path=None).http.get("/monitoring/prometheus/metrics").status_code == 404
