"""The client, over both protocols, against a real gateway."""

import socket
import subprocess
import sys

import pytest

from serving.client import GatewayClient, ImageRefusedError
from serving.client.errors import NotReadyError
from serving.errors import Code, ServingError
from tests.serving.gateway.pictures import GREEN, RED, noisy_jpeg
from tests.serving.gateway.running import running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)

both = pytest.mark.parametrize("protocol", ["rest", "grpc"])


def connect(served, protocol, **options):
    return GatewayClient(served.rest if protocol == "rest" else served.grpc, protocol=protocol, **options)


@both
def test_predictions_carry_label_confidence_and_versions(served, protocol, tmp_path):
    path = tmp_path / "green.png"
    path.write_bytes(GREEN)
    with connect(served, protocol) as client:
        cat, dog = client.predict([RED, path], top_k=1)

    assert (cat.label, cat.class_id, dog.label, dog.class_id) == ("cat", 0, "dog", 1)
    assert cat.confidence == cat.top_k[0].confidence > 0.9
    assert len(cat.top_k) == 1
    assert (cat.model, cat.version) == ("pets", 1)
    assert cat.preprocessing_version.startswith("1-")
    assert cat.value is None


def test_both_protocols_answer_alike(served):
    with connect(served, "rest") as rest, connect(served, "grpc") as grpc:
        (by_rest,), (by_grpc,) = rest.predict([RED]), grpc.predict([RED])

    assert by_rest.confidence == pytest.approx(by_grpc.confidence, abs=1e-7)
    assert (by_rest.label, by_rest.version, by_rest.preprocessing_version) == (
        by_grpc.label,
        by_grpc.version,
        by_grpc.preprocessing_version,
    )


@both
def test_no_images_ask_nobody(protocol):
    with GatewayClient("127.0.0.1:1", protocol=protocol) as client:
        assert client.predict([]) == []


@both
@pytest.mark.parametrize(("image", "reason"), [(b"text", "unknown_format"), (noisy_jpeg()[:3000], "truncated")])
def test_a_refused_image_says_which_and_why(served, protocol, image, reason):
    with connect(served, protocol) as client, pytest.raises(ImageRefusedError) as failure:
        client.predict([RED, image])

    assert (failure.value.reason, failure.value.image, failure.value.code) == (reason, 1, Code.INVALID_ARGUMENT)


@both
@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"model": "birds"}, Code.NOT_FOUND),
        ({"top_k": 3}, Code.INVALID_ARGUMENT),
        ({"top_k": 0}, Code.INVALID_ARGUMENT),
    ],
)
def test_errors_keep_their_code(served, protocol, options, code):
    with connect(served, protocol) as client, pytest.raises(ServingError) as failure:
        client.predict([RED], **options)

    assert failure.value.code is code


@both
def test_no_gateway_is_unavailable_and_names_the_address(protocol):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with GatewayClient(address, protocol=protocol, model="pets") as client, pytest.raises(ServingError) as failure:
            client.predict([RED])

    assert failure.value.code is Code.UNAVAILABLE
    assert address in failure.value.message


@both
def test_a_slow_model_is_deadline_exceeded(backend, protocol):
    backend.sleep(5)
    with running_gateway(backend.address) as gateway:
        address = f"127.0.0.1:{gateway.rest_port}" if protocol == "rest" else gateway.grpc
        with GatewayClient(address, protocol=protocol, timeout=0.3) as client, pytest.raises(ServingError) as failure:
            client.predict([RED])

    assert failure.value.code is Code.DEADLINE_EXCEEDED


def test_something_else_than_a_gateway_is_said_to_be(backend):
    with GatewayClient(backend.address, model="pets") as client, pytest.raises(ServingError):
        client.predict([RED])


def test_wrong_options_are_refused_when_made():
    with pytest.raises(ValueError, match="protocol"):
        GatewayClient("x:1", protocol="soap")
    with pytest.raises(ValueError, match="timeout"):
        GatewayClient("x:1", timeout=0)


def test_each_protocol_loads_its_own_library_only():
    code = (
        "import sys; from serving.client import GatewayClient; "
        "GatewayClient('127.0.0.1:1', protocol='{}'); print('grpc' in sys.modules, 'httpx' in sys.modules)"
    )
    seen = [
        subprocess.run([sys.executable, "-c", code.format(protocol)], capture_output=True, text=True, check=True).stdout
        for protocol in ("rest", "grpc")
    ]

    assert [line.split() for line in seen] == [["False", "True"], ["True", "False"]]


@both
def test_a_gateway_whose_model_is_loading_is_waited_for(backend, protocol):
    backend.available = False
    with running_gateway(backend.address, wait_ready=False) as gateway:
        address = f"127.0.0.1:{gateway.rest_port}" if protocol == "rest" else gateway.grpc
        with GatewayClient(address, protocol=protocol) as client:
            with pytest.raises(NotReadyError, match="not ready"):
                client.wait_until_ready(0.3)
            backend.available = True
            client.wait_until_ready(20)
            assert client.predict([RED])


def test_proxies_of_the_environment_are_not_for_the_gateway(served, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for protocol in ("rest", "grpc"):
        with connect(served, protocol) as client:
            assert client.predict([RED])
