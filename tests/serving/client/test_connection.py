"""TLS, mTLS and API keys, with both protocols and both clients."""

import asyncio
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from serving.client import AsyncGatewayClient, GatewayClient, RetryPolicy, Tls
from serving.client.connection import connection_to
from serving.errors import Code, ServingError
from tests.serving.certificates import Authority
from tests.serving.client.tls_front import tls_front
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)

both = pytest.mark.parametrize("protocol", ["rest", "grpc"])
ONCE = RetryPolicy(attempts=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    authority, other = Authority(), Authority()
    for name, certificate in {"server": authority.issue(), "client": authority.issue("client")}.items():
        (folder / f"{name}.pem").write_text(certificate.cert)
        (folder / f"{name}.key").write_text(certificate.key)
    (folder / "ca.pem").write_text(authority.cert)
    (folder / "other.pem").write_text(other.cert)
    return folder


@pytest.fixture(params=[False, True], ids=["tls", "mtls"])
def front(request, files, backend):
    """Ports with TLS in front of a gateway's, by protocol, and whether they want a client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "server.pem", files / "server.key")
    if request.param:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(files / "ca.pem")
    with running_gateway(backend.address) as gateway:
        grpc_port = int(gateway.grpc.rpartition(":")[2])
        with tls_front(gateway.rest_port, context) as rest, tls_front(grpc_port, context) as grpc:
            yield {"rest": rest, "grpc": grpc}, request.param


@both
def test_tls_with_the_authority_and_certificate_that_are_named(front, files, protocol):
    ports, wants_certificate = front
    own = (files / "client.pem", files / "client.key") if wants_certificate else ()
    tls = Tls(files / "ca.pem", *own)
    address = f"localhost:{ports[protocol]}"
    with GatewayClient(address, protocol=protocol, tls=tls) as client:
        (waited,) = client.predict([RED])

    async def run():
        async with AsyncGatewayClient(address, protocol=protocol, tls=tls) as client:
            return await client.predict([RED])

    assert [waited] == asyncio.run(run())
    assert waited.label == "cat"


@both
def test_another_authority_is_not_trusted(front, files, protocol):
    ports, _ = front
    own = (files / "client.pem", files / "client.key")
    with (
        GatewayClient(
            f"localhost:{ports[protocol]}", protocol=protocol, tls=Tls(files / "other.pem", *own), retry=ONCE
        ) as client,
        pytest.raises(ServingError) as failure,
    ):
        client.predict([RED])

    assert failure.value.code is Code.UNAVAILABLE


@both
@pytest.mark.parametrize("front", [True], ids=["mtls"], indirect=True)
def test_a_client_without_a_certificate_is_turned_away_where_one_is_wanted(front, files, protocol):
    ports, _ = front
    with (
        GatewayClient(
            f"localhost:{ports[protocol]}", protocol=protocol, tls=Tls(files / "ca.pem"), retry=ONCE
        ) as client,
        pytest.raises(ServingError) as failure,
    ):
        client.predict([RED])

    assert failure.value.code is Code.UNAVAILABLE


def test_the_api_key_goes_with_every_grpc_call(backend):
    seen = []
    backend.before_predict = lambda request, context: seen.append(dict(context.invocation_metadata()))
    with GatewayClient(backend.address, protocol="grpc", model="pets", api_key="k1") as client:
        client.predict([RED])

    assert seen[0]["authorization"] == "Bearer k1"


def test_the_api_key_goes_with_every_rest_call():
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers["authorization"])
            self.send_error(401)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with (
        GatewayClient(f"127.0.0.1:{server.server_port}", api_key="k1") as client,
        pytest.raises(ServingError) as failure,
    ):
        client.predict([RED])
    server.shutdown()
    server.server_close()

    assert seen == ["Bearer k1"]
    assert failure.value.code is Code.UNAUTHENTICATED


def test_https_in_the_address_means_tls():
    assert connection_to("https://gateway.example:8443/", None, None).tls == Tls()
    assert connection_to("https://gateway.example:8443", None, None).address == "gateway.example:8443"
    assert connection_to("http://gateway.example:8080", None, None).tls is None
    with pytest.raises(ValueError, match="http"):
        connection_to("http://gateway.example:8080", Tls(), None)
    with pytest.raises(ValueError, match="ftp"):
        connection_to("ftp://gateway.example", None, None)


def test_a_certificate_needs_its_key(tmp_path):
    with pytest.raises(ValueError, match="key_file"):
        Tls(certificate_file=tmp_path)


def test_the_api_key_is_not_shown():
    assert "secret" not in repr(connection_to("a:1", None, "secret"))


def test_the_key_of_the_environment_is_used_unless_another_is_given(monkeypatch):
    monkeypatch.setenv("DARKROOM_API_KEY", "from-environment\n")
    assert connection_to("127.0.0.1:1", None, None).api_key == "from-environment"
    assert connection_to("127.0.0.1:1", None, "given").api_key == "given"
    assert connection_to("127.0.0.1:1", None, "").api_key is None
    monkeypatch.delenv("DARKROOM_API_KEY")
    assert connection_to("127.0.0.1:1", None, None).authorization == {}


@pytest.mark.parametrize("key", ["two words", "key\nx-evil: 1", "\u00e4", "a\x00b"])
def test_a_key_that_no_header_can_hold_is_an_error_that_does_not_show_it(key):
    with pytest.raises(ValueError, match="API key") as failure:
        connection_to("127.0.0.1:1", None, key)
    assert key not in str(failure.value)


@pytest.mark.parametrize(
    ("address", "warns"),
    [
        ("127.0.0.1:8080", False),
        ("localhost:8080", False),
        ("[::1]:8080", False),
        ("https://gateway.example:8443", False),
        ("gateway.example:8080", True),
        ("http://10.0.0.1:8080", True),
    ],
)
def test_a_key_that_goes_out_in_the_clear_is_warned_of(address, warns, caplog):
    connection_to(address, None, "secret")

    assert ("in the clear" in caplog.text) is warns
    assert "secret" not in caplog.text


@both
def test_without_a_named_authority_the_systems_are_trusted(front, files, protocol, monkeypatch):
    ports, _ = front
    monkeypatch.setenv("SSL_CERT_FILE", str(files / "ca.pem"))
    tls = Tls(None, files / "client.pem", files / "client.key")
    with GatewayClient(f"localhost:{ports[protocol]}", protocol=protocol, tls=tls, retry=ONCE) as client:
        assert client.predict([RED])[0].label == "cat"
