"""How to reach a gateway: its address, TLS and the API key."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


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

    Raises:
        ValueError: another scheme, or http together with TLS.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        return Connection(address, tls, api_key)
    if scheme not in ("http", "https") or (scheme == "http" and tls is not None):
        raise ValueError(f"address must be host:port, http:// without TLS, or https://, got {address!r}")
    return Connection(rest.rstrip("/"), tls or (Tls() if scheme == "https" else None), api_key)
