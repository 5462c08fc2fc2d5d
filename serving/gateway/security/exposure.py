"""Warns about a gateway that strangers can reach."""

from __future__ import annotations

import ipaddress
import logging

from serving.gateway.settings import GatewaySettings

_LOG = logging.getLogger(__name__)


def warn_of_exposure(settings: GatewaySettings) -> None:
    """Say what is missing when the gateway listens on more than loopback."""
    if _is_loopback(settings.host):
        return
    tls = settings.tls
    has_client_certificates = tls is not None and tls.client_ca_file is not None
    if not settings.authentication.enabled and not has_client_certificates:
        _LOG.warning(
            "The gateway listens on %s without authentication: whoever reaches it may use the model. Set "
            "serving.authentication or serving.tls.client_ca_file, or listen on 127.0.0.1",
            settings.host,
        )
    elif settings.authentication.enabled and tls is None:
        _LOG.warning(
            "The gateway listens on %s without TLS: API keys and tokens travel in the clear. Set serving.tls, unless "
            "something in front of the gateway speaks TLS",
            settings.host,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
