"""How to reach a gateway: its address, TLS and the API key."""

from __future__ import annotations

import ipaddress
import logging
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

_LOG = logging.getLogger(__name__)

API_KEY_VARIABLE = "DARKROOM_API_KEY"

# What a header may hold of a key or a token (RFC 6750, section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS to the gateway.

    Attributes:
        ca_file: PEM certificates of the authorities to trust; None trusts the system's.
        certificate_file, key_file: PEM, of this client, where the gateway asks for one (mTLS).

    Raises:
        ValueError: a certificate without its key, or a key without its certificate.
    """

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("a client certificate needs certificate_file and key_file")


@dataclass(frozen=True, slots=True)
class Connection:
    """Where and as whom.

    Attributes:
        address: `host:port`.
        tls: None speaks in the clear.
        api_key: sent as `Authorization: Bearer`, and not shown by `repr`.
    """

    address: str
    tls: Tls | None = None
    api_key: str | None = field(default=None, repr=False)

    @property
    def authorization(self) -> dict[str, str]:
        """The header that goes with each request; empty without a key."""
        return {} if self.api_key is None else {"authorization": f"Bearer {self.api_key}"}


def connection_to(address: str, tls: Tls | None, api_key: str | None) -> Connection:
    """A connection to `host:port`, `http://host:port` or `https://host:port`.

    Args:
        address: of the gateway.
        tls: None speaks in the clear unless the address says `https://`.
        api_key: a key or a token; None takes that of the environment variable DARKROOM_API_KEY, an empty one none.

    Raises:
        ValueError: another scheme, http together with TLS, or a key that no header can hold.
    """
    connection = _connection(address, tls, _api_key(api_key))
    if connection.api_key is not None and connection.tls is None and not _is_local(connection.address):
        _LOG.warning("The API key goes to %s in the clear, as the address has no https://", connection.address)
    return connection


def _api_key(given: str | None) -> str | None:
    key = os.environ.get(API_KEY_VARIABLE, "") if given is None else given
    key = key.strip()
    if key and not _TOKEN.fullmatch(key):
        raise ValueError("the API key has characters that no key has; is it the whole key and nothing else?")
    return key or None


def _is_local(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]") or address
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or address.startswith("unix:")


def _connection(address: str, tls: Tls | None, api_key: str | None) -> Connection:
    scheme, separator, rest = address.partition("://")
    if not separator:
        return Connection(address, tls, api_key)
    if scheme not in ("http", "https") or (scheme == "http" and tls is not None):
        raise ValueError(f"address must be host:port, http:// without TLS, or https://, got {address!r}")
    return Connection(rest.rstrip("/"), tls or (Tls() if scheme == "https" else None), api_key)
