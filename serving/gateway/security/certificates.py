"""The gateway's certificates: one pair of files for both protocols, which may change while connections are open."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from darkroom.errors import ConfigurationError
from serving.gateway.security.settings import TlsSettings


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The files in the form that each protocol's server wants."""

    http: ssl.SSLContext
    grpc: Any


class Certificates:
    """What the files held when they were last read and found right."""

    def __init__(self, settings: TlsSettings) -> None:
        """Read the files.

        Raises:
            ConfigurationError: one can't be read, is no PEM, or key and certificate don't belong together.
        """
        self._certificate = Path(settings.certificate_file)
        self._key = Path(settings.key_file)
        self._client_ca = Path(settings.client_ca_file) if settings.client_ca_file is not None else None
        self._loaded = self._read()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return tuple(path for path in (self._certificate, self._key, self._client_ca) if path is not None)

    def load(self) -> None:
        """Use what the files hold now for connections that come from now on.

        Raises:
            ConfigurationError: as the constructor; what was loaded stays.
        """
        self._loaded = self._read()

    def http_context(self) -> ssl.SSLContext:
        """For the HTTP server; each new connection gets the certificates of its time."""
        return _CurrentContext(self)

    def as_factory(self, config: Any, default: Any) -> ssl.SSLContext:
        """uvicorn's `ssl_context_factory`."""
        del config, default
        return self.http_context()

    def grpc_credentials(self) -> Any:
        """For a port of the gRPC server; each new connection gets the certificates of its time."""
        return grpc.dynamic_ssl_server_credentials(
            self._loaded.grpc,
            lambda: self._loaded.grpc,  # asked in one of gRPC's threads, for each handshake
            require_client_authentication=self._client_ca is not None,
        )

    @property
    def current(self) -> ssl.SSLContext:
        """The HTTP server's context as of now."""
        return self._loaded.http

    def _read(self) -> _Loaded:
        # OpenSSL judges the files, and gRPC gets the same bytes: it would accept broken ones and fail each handshake.
        before = self._contents()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            # An empty password, as otherwise OpenSSL asks the terminal for that of a key that has one.
            context.load_cert_chain(self._certificate, self._key, password="")
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"TLS: {self._certificate} and {self._key} are not a certificate in PEM and its key, which must have "
                f"no password: {error}"
            ) from error
        if self._client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(self._client_ca)
            except (OSError, ValueError) as error:
                raise ConfigurationError(f"TLS: {self._client_ca} has no certificates in PEM: {error}") from error
        if self._contents() != before:
            raise ConfigurationError(f"TLS: {self._certificate} or {self._key} changed while it was read")
        certificate, key, client_ca = before
        return _Loaded(context, grpc.ssl_server_certificate_configuration([(key, certificate)], client_ca))

    def _contents(self) -> tuple[bytes, bytes, bytes | None]:
        def content(path: Path) -> bytes:
            try:
                return path.read_bytes()
            except OSError as error:
                raise ConfigurationError(f"TLS: {os.fspath(path)} can't be read: {error.strerror}") from error

        client_ca = content(self._client_ca) if self._client_ca is not None else None
        return content(self._certificate), content(self._key), client_ca


class _CurrentContext(ssl.SSLContext):
    """Stands for whichever context is current: asyncio keeps the one it was given, and wraps each connection with it.

    A context of its own for each set of files also means that no session of an older one is resumed, which would spare
    a client of an authority that is trusted no more from showing its certificate.
    """

    _certificates: Certificates

    def __new__(cls, certificates: Certificates) -> _CurrentContext:
        made = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        made._certificates = certificates
        return made

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        return self._certificates.current.wrap_bio(*arguments, **options)
