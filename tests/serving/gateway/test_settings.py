import pytest
from pydantic import ValidationError

from serving.gateway.server import Gateway
from serving.gateway.settings import GatewaySettings


def test_every_setting_is_described_and_has_a_default():
    assert GatewaySettings().rest_port == 8080
    assert all(field.description for field in GatewaySettings.model_fields.values())


def test_unknown_keys_are_errors():
    with pytest.raises(ValidationError, match="rest_prot"):
        GatewaySettings(rest_prot=1)


def test_a_gateway_needs_a_model_server_and_not_two():
    with pytest.raises(ValueError, match="backends"):
        Gateway(GatewaySettings(), "pets")
    with pytest.raises(ValueError, match="backends"):
        Gateway(GatewaySettings(backends=("a:1",)), "pets", model_server_command=["x"])
