"""TLS and mTLS of both ports with real connections, and certificates that change meanwhile."""

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest

from darkroom.errors import ConfigurationError
from serving.client import GatewayClient, RetryPolicy, Tls
from serving.errors import ServingError
from serving.gateway.security.certificates import Certificates
from serving.gateway.security.settings import TlsSettings
from tests.serving.certificates import Authority
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import eventually, running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)

both = pytest.mark.parametrize("protocol", ["rest", "grpc"])
ONCE = RetryPolicy(attempts=1)


@dataclass
class Files:
    """The gateway's files, and what a client needs to trust them."""

    folder: Path
    authority: Authority

    @property
    def settings(self):
        return {"certificate_file": str(self.folder / "server.pem"), "key_file": str(self.folder / "server.key")}

    @property
    def mutual(self):
        return {**self.settings, "client_ca_file": str(self.folder / "clients.pem")}

    def write(self, name, authority=None, common_name="localhost"):
        made = (authority or self.authority).issue(common_name)
        (self.folder / f"{name}.key").write_text(made.key)
        (self.folder / f"{name}.pem").write_text(made.cert)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def trust(self, authority, name="ca"):
        path = self.folder / f"{name}.pem"
        path.write_text(authority.cert)
        return path


@pytest.fixture
def files(tmp_path):
    found = Files(tmp_path, Authority())
    found.write("server")
    found.trust(found.authority)
    return found


def predict(gateway, protocol, tls):
    port = gateway.rest_port if protocol == "rest" else gateway.grpc.rpartition(":")[2]
    with GatewayClient(f"localhost:{port}", protocol=protocol, tls=tls, retry=ONCE) as client:
        return client.predict([RED])[0].label


def works(gateway, protocol, tls):
    try:
        return predict(gateway, protocol, tls) == "cat"
    except ServingError:
        return False


def shown(gateway, protocol="rest"):
    """The certificate that a new connection is shown, DER."""
    port = gateway.rest_port if protocol == "rest" else int(gateway.grpc.rpartition(":")[2])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"] if protocol == "rest" else ["h2"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        return connection.getpeercert(binary_form=True)


@both
def test_tls_is_spoken_on_both_ports_from_one_block(backend, files, protocol):
    with running_gateway(backend.address, tls=files.settings) as gateway:
        assert predict(gateway, protocol, Tls(files.folder / "ca.pem")) == "cat"
        assert not works(gateway, protocol, None)
        assert not works(gateway, protocol, Tls(files.trust(Authority(), "other")))


@both
def test_clients_must_show_a_certificate_of_the_named_authority(backend, files, protocol):
    clients, strangers = Authority(), Authority()
    files.trust(clients, "clients")
    ca = files.folder / "ca.pem"
    with running_gateway(backend.address, tls=files.mutual) as gateway:
        assert predict(gateway, protocol, Tls(ca, *files.write("client", clients))) == "cat"
        assert not works(gateway, protocol, Tls(ca))
        assert not works(gateway, protocol, Tls(ca, *files.write("stranger", strangers)))


def test_old_tls_is_refused(backend, files):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        running_gateway(backend.address, tls=files.settings) as gateway,
        socket.create_connection(("127.0.0.1", gateway.rest_port), timeout=10) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain)


def test_new_certificates_are_used_while_old_connections_go_on(backend, files):
    ca = files.folder / "ca.pem"
    renewed = Authority()
    port_tls = {"tls": files.settings, "reload_seconds": 0.05}
    with (
        running_gateway(backend.address, **port_tls) as gateway,
        httpx.Client(base_url=gateway.url.replace("http://127.0.0.1", "https://localhost"), verify=str(ca)) as rest,
        GatewayClient(gateway.grpc, protocol="grpc", tls=Tls(ca), retry=ONCE) as over_grpc,
    ):
        # One open connection for each protocol; their clients don't trust the new authority.
        assert rest.get("/livez").status_code == 200
        over_grpc.predict([RED])
        before = shown(gateway)
        files.write("server", renewed)
        eventually(lambda: shown(gateway) != before)
        new_ca = files.trust(renewed, "renewed")
        for protocol in ("rest", "grpc"):
            assert predict(gateway, protocol, Tls(new_ca)) == "cat"
            assert not works(gateway, protocol, Tls(ca))

        assert rest.get("/livez").status_code == 200
        assert over_grpc.predict([RED])[0].label == "cat"


def test_a_request_under_way_survives_the_change(backend, files):
    import threading

    reached, go_on, answers = threading.Event(), threading.Event(), []

    def wait(request, context):
        reached.set()
        go_on.wait(15)

    backend.before_predict = wait
    tls = Tls(files.folder / "ca.pem")
    with running_gateway(backend.address, tls=files.settings, reload_seconds=0.05) as gateway:
        asking = [
            threading.Thread(target=lambda name=name: answers.append(predict(gateway, name, tls)))
            for name in ("rest", "grpc")
        ]
        for thread in asking:
            thread.start()
        eventually(lambda: len(backend.requests) == 2)
        before = shown(gateway)
        files.write("server")
        eventually(lambda: shown(gateway) != before)
        go_on.set()
        for thread in asking:
            thread.join(15)

    assert answers == ["cat", "cat"]


def test_a_revoked_authority_lets_nobody_in_any_more_nor_resume(backend, files):
    old, new = Authority(), Authority()
    clients = files.trust(old, "clients")
    ca = files.folder / "ca.pem"
    certificate, key = files.write("client", old)
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate, key)
    with running_gateway(backend.address, tls=files.mutual, reload_seconds=0.05) as gateway:

        def status(session):
            """The answer to a request on a connection of its own, and its session."""
            with (
                socket.create_connection(("127.0.0.1", gateway.rest_port), timeout=10) as plain,
                context.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
            ):
                connection.sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
                return connection.recv(12), connection.session

        answer, session = status(None)
        assert answer == b"HTTP/1.1 200"
        clients.write_text(new.cert)
        for protocol in ("rest", "grpc"):
            eventually(lambda protocol=protocol: not works(gateway, protocol, Tls(ca, certificate, key)))
        try:
            answer, _ = status(session)
        except OSError:
            answer = b""

    assert not answer


@pytest.mark.parametrize("broken", ["no PEM", "other key", "gone", "empty"])
def test_broken_new_files_leave_the_old_ones_in_force(backend, files, broken, caplog):
    tls = Tls(files.folder / "ca.pem")
    failed = 'darkroom_gateway_file_reloads_total{file="certificates",result="failed"}'
    with running_gateway(backend.address, tls=files.settings, reload_seconds=0.05) as gateway:
        url = gateway.url.replace("http://127.0.0.1", "https://localhost")
        if broken == "gone":
            (files.folder / "server.pem").unlink()
        elif broken == "other key":
            (files.folder / "server.key").write_text(files.authority.issue().key)
        else:
            (files.folder / "server.pem").write_text("" if broken == "empty" else "certificate")
        eventually(lambda: failed in httpx.get(f"{url}/metrics", verify=str(files.folder / "ca.pem")).text)
        for protocol in ("rest", "grpc"):
            assert predict(gateway, protocol, tls) == "cat"
        before = shown(gateway)
        files.write("server")
        eventually(lambda: shown(gateway) != before)
        assert predict(gateway, "grpc", tls) == "cat"

    (said,) = [record.getMessage() for record in caplog.records if "stay in force" in record.getMessage()]
    assert "server.pem" in said
    assert "PRIVATE" not in caplog.text


def test_a_folder_that_kubernetes_swaps_is_noticed(backend, files):
    for number in ("1", "2"):
        folder = files.folder / number
        folder.mkdir()
        Files(folder, files.authority).write("server")
    current = files.folder / "current"
    current.symlink_to(files.folder / "1")
    tls = {"certificate_file": str(current / "server.pem"), "key_file": str(current / "server.key")}
    with running_gateway(backend.address, tls=tls, reload_seconds=0.05) as gateway:
        before = {protocol: shown(gateway, protocol) for protocol in ("rest", "grpc")}
        (files.folder / "next").symlink_to(files.folder / "2")
        (files.folder / "next").rename(current)
        for protocol, certificate in before.items():
            eventually(lambda protocol=protocol, old=certificate: shown(gateway, protocol) != old)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("server.pem", "nothing", "not a certificate in PEM"),
        ("server.key", "nothing", "not a certificate in PEM"),
        ("server.key", None, "server.key can't be read"),
        ("clients.pem", "nothing", "clients.pem has no certificates"),
    ],
)
def test_wrong_files_are_named_at_the_start(files, name, content, said):
    files.trust(files.authority, "clients")
    path = files.folder / name
    if content is None:
        path.unlink()
    else:
        path.write_text(content)

    with pytest.raises(ConfigurationError, match=said):
        Certificates(TlsSettings(**files.mutual))


def test_a_key_with_a_password_is_an_error_and_no_question(files):
    from cryptography.hazmat.primitives import serialization

    path = files.folder / "server.key"
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )

    with pytest.raises(ConfigurationError, match="no password"):
        Certificates(TlsSettings(**files.settings))


def test_plain_grpc_to_a_tls_port_is_refused(backend, files):
    with (
        running_gateway(backend.address, tls=files.settings) as gateway,
        grpc.insecure_channel(gateway.grpc) as channel,
        pytest.raises(grpc.RpcError) as failure,
    ):
        channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=5)

    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
