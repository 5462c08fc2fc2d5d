"""TLS and mTLS between the gateway and model servers, with real connections and certificates that change."""

import grpc
import pytest

from darkroom.errors import ConfigurationError
from serving.backend_tls.credentials import BackendCredentials
from serving.backend_tls.settings import BackendTlsSettings
from tests.serving.certificates import Authority
from tests.serving.gateway.fake_backend import FakeBackend
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import eventually, running_gateway


def write(folder, name, issued):
    (folder / f"{name}.pem").write_text(issued.cert)
    (folder / f"{name}.key").write_text(issued.key)
    return {"certificate_file": str(folder / f"{name}.pem"), "key_file": str(folder / f"{name}.key")}


def trust(folder, authority):
    path = folder / "ca.pem"
    path.write_text(authority.cert)
    return {"ca_file": str(path)}


class TlsBackend:
    """A model server that shows a certificate of `authority`, and wants one of `clients` where that is given."""

    def __init__(self, authority, clients=None):
        self._authority, self._clients = authority, clients
        self.server = FakeBackend()

    def start(self, port=0):
        shown = self._authority.issue()
        self.server.start(
            port,
            grpc.ssl_server_credentials(
                [(shown.key.encode(), shown.cert.encode())],
                root_certificates=self._clients.cert.encode() if self._clients else None,
                require_client_auth=self._clients is not None,
            ),
        )
        return self.server

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.server.stop()


def test_a_server_of_the_trusted_authority_is_asked(tmp_path):
    authority = Authority()
    with (
        TlsBackend(authority) as backend,
        running_gateway(backend.address, backend_tls=trust(tmp_path, authority)) as gateway,
    ):
        assert gateway.post(RED).status_code == 200


@pytest.mark.parametrize("how", ["another authority", "another name", "plain text"])
def test_any_other_server_is_not(tmp_path, how):
    authority = Authority()
    tls = trust(tmp_path, Authority() if how == "another authority" else authority)
    if how == "another name":
        tls["server_name"] = "models.example.org"
    with (
        TlsBackend(authority) as backend,
        running_gateway(backend.address, wait_ready=False, backend_tls=None if how == "plain text" else tls) as gateway,
    ):
        answer = gateway.post(RED)
        assert answer.status_code == 503
        assert not backend.requests
        assert gateway.get("/readyz").status_code == 503


def test_the_name_in_the_certificate_may_differ_from_the_address(tmp_path):
    authority = Authority()
    tls = {**trust(tmp_path, authority), "server_name": "localhost"}
    with TlsBackend(authority) as backend, running_gateway(backend.address, backend_tls=tls) as gateway:
        assert gateway.post(RED).status_code == 200


def test_a_server_that_wants_a_certificate_gets_the_gateways(tmp_path):
    authority, clients = Authority(), Authority()
    tls = {**trust(tmp_path, authority), **write(tmp_path, "gateway", clients.issue("gateway"))}
    with TlsBackend(authority, clients) as backend:
        with running_gateway(backend.address, backend_tls=tls) as gateway:
            assert gateway.post(RED).status_code == 200
        with running_gateway(backend.address, wait_ready=False, backend_tls=trust(tmp_path, authority)) as gateway:
            assert gateway.post(RED).status_code == 503


def test_a_new_authority_is_followed_without_a_restart(tmp_path):
    old, new = Authority(), Authority()
    tls = trust(tmp_path, old)
    first, second = TlsBackend(old), TlsBackend(new)
    server = first.start()
    with running_gateway(server.address, backend_tls=tls, reload_seconds=0.05) as gateway:
        assert gateway.post(RED).status_code == 200
        server.stop()
        second.start(server.port)
        try:
            eventually(lambda: gateway.post(RED).status_code == 503)
            trust(tmp_path, new)
            eventually(lambda: gateway.post(RED).status_code == 200)
        finally:
            second.server.stop()


def test_a_broken_file_is_an_error_that_names_it(tmp_path):
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(ConfigurationError, match=r"ca\.pem has no certificates in PEM"):
        BackendCredentials(BackendTlsSettings(ca_file=str(tmp_path / "ca.pem")), "serving.backend_tls")
    mixed = write(tmp_path, "one", Authority().issue()) | {"key_file": str(tmp_path / "other.key")}
    write(tmp_path, "other", Authority().issue())
    with pytest.raises(ConfigurationError, match=r"one\.pem and .*other\.key"):
        BackendCredentials(BackendTlsSettings(**mixed), "serving.backend_tls")
    with pytest.raises(ConfigurationError, match=r"missing\.pem"):
        BackendCredentials(BackendTlsSettings(ca_file=str(tmp_path / "missing.pem")), "serving.backend_tls")


def test_a_certificate_without_its_key_is_refused():
    with pytest.raises(ValueError, match="go together"):
        BackendTlsSettings(certificate_file="a.pem")
