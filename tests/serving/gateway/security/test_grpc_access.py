"""Who may do what over gRPC."""

import grpc
import pytest

from serving.gateway.grpc_service import build_grpc_server
from serving.gateway.security.operations import GRPC_METHODS, UNLISTED, grpc_operation
from serving.gateway.security.principal import Scope
from serving.gateway.v2 import open_inference_pb2
from serving.grpc_health import SERVICE_NAME as HEALTH
from serving.protos import get_model_status_pb2, model_management_pb2, predict_pb2
from tests.serving.gateway.security.secured import bearer, secured_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)

PREDICT = "/tensorflow.serving.PredictionService/Predict"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
OPEN = {
    "/inference.GRPCInferenceService/ServerLive",
    "/inference.GRPCInferenceService/ServerReady",
    *(f"/{HEALTH}/{name}" for name in ("Check", "Watch", "List")),
}


@pytest.fixture
def channel(gateway):
    with grpc.insecure_channel(gateway.grpc) as channel:
        yield channel


def ask(channel, method, message=b"", metadata=()):
    """The code and the error of a call with any bytes as its message; no error where it goes well."""
    call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
    try:
        call(message, metadata=tuple(metadata), timeout=10)
    except grpc.RpcError as error:
        return error.code(), error
    return grpc.StatusCode.OK, None


def _methods(monkeypatch):
    """The full names of all methods that the server has."""
    found = []

    class Server:
        def add_generic_rpc_handlers(self, handlers):
            for handler in handlers:
                found.extend(handler._method_handlers)

        def add_registered_method_handlers(self, service, handlers):
            found.extend(f"/{service}/{name}" for name in handlers)

    monkeypatch.setattr("grpc.aio.server", lambda *arguments, **options: Server())

    class Anything:
        max_request_bytes = 1
        head_timeout_seconds = 1

        def __getattr__(self, name):
            return Anything()

    build_grpc_server(
        Anything(), Anything(), Anything(), Anything(), admin=Anything(), access=None, shedding=Anything()
    )
    return set(found)


def test_every_method_is_listed_with_its_scope(monkeypatch):
    methods = _methods(monkeypatch)

    assert PREDICT in methods
    assert methods <= GRPC_METHODS.keys()
    assert GRPC_METHODS.keys() - methods <= {f"/{HEALTH}/List"}  # newer releases of the health service have it


def test_a_method_that_is_not_listed_needs_admin():
    assert grpc_operation("/a.New/Method") is UNLISTED


def test_every_method_but_the_open_ones_wants_a_caller(channel):
    for method in GRPC_METHODS:
        if method.endswith(("/Watch", "/List")):
            continue  # a stream that never ends; a method that is not there
        code, _ = ask(channel, method)
        assert (code is grpc.StatusCode.UNAUTHENTICATED) is (method not in OPEN), method


def test_a_scope_opens_its_own_methods_and_no_others(channel, callers):
    for method, operation in GRPC_METHODS.items():
        if operation.scope is None:
            continue
        for scope, key in callers[1].items():
            code, error = ask(channel, method, metadata=bearer(key).items())
            trailers = dict(error.trailing_metadata()) if error is not None else {}
            lacks = 'error="insufficient_scope"' in trailers.get("www-authenticate", "")
            assert lacks is (scope is not operation.scope), (method, scope, code)
            if lacks:
                assert code is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
def test_either_metadata_carries_the_key(channel, callers, name):
    key = callers[1][Scope.STATUS]
    value = f"Bearer {key}" if name == "authorization" else key
    request = get_model_status_pb2.GetModelStatusRequest()

    assert ask(channel, STATUS, request.SerializeToString(), [(name, value)])[0] is grpc.StatusCode.OK


def test_a_refusal_has_challenge_and_request_id(channel):
    code, error = ask(channel, PREDICT, metadata=[("x-request-id", "r1"), ("x-api-key", "wrong")])
    trailers = dict(error.trailing_metadata())

    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert trailers["x-request-id"] == "r1"
    assert trailers["www-authenticate"] == 'Bearer realm="darkroom", error="invalid_token"'


def test_a_stranger_is_answered_before_the_message_is_there(channel):
    import threading

    finished = threading.Event()

    def messages():
        finished.wait(20)
        yield predict_pb2.PredictRequest()

    call = channel.stream_unary(PREDICT, request_serializer=predict_pb2.PredictRequest.SerializeToString)
    try:
        with pytest.raises(grpc.RpcError) as failure:
            call(messages(), timeout=15)
        assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED
    finally:
        finished.set()


def test_the_open_inference_protocol_answers_a_caller(channel, callers):
    request = open_inference_pb2.ModelReadyRequest(name="pets")
    method = "/inference.GRPCInferenceService/ModelReady"
    metadata = bearer(callers[1][Scope.STATUS]).items()

    assert ask(channel, method, request.SerializeToString(), metadata)[0] is grpc.StatusCode.OK


def test_admin_calls_are_off_unless_they_are_configured(channel, callers):
    code, error = ask(channel, RELOAD, metadata=bearer(callers[1][Scope.ADMIN]).items())

    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "admin_calls" in error.details()


def test_admin_calls_reach_the_model_server_where_they_are_on(backend, callers):
    seen = []

    def take(request, context):
        seen.append(request)
        return model_management_pb2.ReloadConfigResponse()

    backend.HandleReloadConfigRequest = take
    request = model_management_pb2.ReloadConfigRequest()
    request.config.model_config_list.config.add(name="pets").version_labels["stable"] = 1
    keys = callers[1]
    backend.stop()
    backend.start()
    with (
        secured_gateway(backend.address, callers[0], authentication={"admin_calls": True}) as gateway,
        grpc.insecure_channel(gateway.grpc) as channel,
    ):
        message = request.SerializeToString()
        assert ask(channel, RELOAD, message)[0] is grpc.StatusCode.UNAUTHENTICATED
        assert ask(channel, RELOAD, message, bearer(keys[Scope.PREDICT]).items())[0] is (
            grpc.StatusCode.PERMISSION_DENIED
        )
        assert ask(channel, RELOAD, message, bearer(keys[Scope.ADMIN]).items())[0] is grpc.StatusCode.OK

    assert seen == [request]


def test_a_gateway_that_asks_nobody_who_they_are_refuses_admin_calls(backend):
    from tests.serving.gateway.running import running_gateway

    with running_gateway(backend.address) as gateway, grpc.insecure_channel(gateway.grpc) as channel:
        assert ask(channel, RELOAD)[0] is grpc.StatusCode.PERMISSION_DENIED
