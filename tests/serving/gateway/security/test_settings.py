"""What TLS and authentication may be told."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from serving.gateway.settings import GatewaySettings
from serving.gateway.settings_paths import located

JWT = {"issuer": "i", "audience": "a", "jwks_file": "jwks.json"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tls": {"certificate_file": "c"}}, "key_file"),
        ({"tls": {"certificate_file": "c", "key_file": "k", "password": "x"}}, "password"),
        ({"authentication": {"jwt": {**JWT, "algorithms": ["HS256"]}}}, "algorithms"),
        ({"authentication": {"jwt": {**JWT, "algorithms": ["none"]}}}, "algorithms"),
        ({"authentication": {"jwt": {**JWT, "algorithms": []}}}, "algorithms"),
        ({"authentication": {"jwt": {"issuer": "i", "jwks_file": "f"}}}, "audience"),
        ({"authentication": {"admin_calls": True}}, "needs api_keys_file or jwt"),
        ({"authentication": {"protect_metrics": True}}, "needs api_keys_file or jwt"),
        ({"authentication": {"rate_limit": {"requests_per_second": 1}}}, "needs api_keys_file or jwt"),
        ({"authentication": {"api_keys_file": "f", "rate_limit": {"image_burst": 2}}}, "limits nothing"),
        ({"authentication": {"api_keys_file": "f", "rate_limit": {"requests_per_second": 0}}}, "greater than 0"),
    ],
)
def test_settings_that_secure_nothing_are_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        GatewaySettings.model_validate(settings)


def test_relative_paths_start_from_the_configurations_folder():
    settings = GatewaySettings.model_validate(
        {
            "tls": {"certificate_file": "tls/c.pem", "key_file": "/etc/k.pem"},
            "authentication": {"api_keys_file": "keys.json", "jwt": JWT},
            "log": {"path": "requests.log"},
            "prediction_log": {"folder": "shards"},
        }
    )
    found = located(settings, Path("/srv"))

    assert found.tls.model_dump() == {
        "certificate_file": "/srv/tls/c.pem",
        "key_file": "/etc/k.pem",
        "client_ca_file": None,
    }
    assert (found.authentication.api_keys_file, found.authentication.jwt.jwks_file) == (
        "/srv/keys.json",
        "/srv/jwks.json",
    )
    assert (found.log.path, found.prediction_log.folder) == ("/srv/requests.log", "/srv/shards")
    # The command puts its options over what the file says, and so has to know what it says.
    assert found.model_dump(exclude_unset=True).keys() == {"tls", "authentication", "log", "prediction_log"}
    assert located(GatewaySettings(), Path("/srv")) == GatewaySettings()
