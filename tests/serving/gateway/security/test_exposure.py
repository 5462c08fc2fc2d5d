"""The warnings of a gateway that strangers can reach."""

import pytest

from serving.gateway.security.exposure import warn_of_exposure
from serving.gateway.settings import GatewaySettings

KEYS = {"api_keys_file": "keys.json"}
TLS = {"certificate_file": "c", "key_file": "k"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": "127.0.0.1"}, None),
        ({"host": "::1"}, None),
        ({"host": "localhost"}, None),
        ({"host": "0.0.0.0"}, "without authentication"),
        ({"host": "::"}, "without authentication"),
        ({"host": "10.1.2.3"}, "without authentication"),
        ({"host": "gateway.example"}, "without authentication"),
        ({"host": "0.0.0.0", "tls": TLS}, "without authentication"),
        ({"host": "0.0.0.0", "authentication": KEYS}, "in the clear"),
        ({"host": "0.0.0.0", "authentication": KEYS, "tls": TLS}, None),
        ({"host": "0.0.0.0", "tls": {**TLS, "client_ca_file": "ca"}}, None),
    ],
)
def test_what_is_missing_is_said(settings, words, caplog):
    warn_of_exposure(GatewaySettings.model_validate(settings))

    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == (words is not None)
    assert words is None or words in messages[0]


def test_a_running_gateway_says_it(backend, caplog):
    from tests.serving.gateway.running import running_gateway

    with running_gateway(backend.address, host="0.0.0.0"):
        pass

    assert "without authentication" in caplog.text


pytest_plugins = ("tests.serving.gateway.fixtures",)
