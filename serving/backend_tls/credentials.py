"""Channels to model servers that are believed by their certificate, and are shown one where they want it."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import grpc

from darkroom.errors import ConfigurationError
from serving.backend_tls.settings import BackendTlsSettings


class BackendCredentials:
    """What the files held when they were last read and found right."""

    def __init__(self, settings: BackendTlsSettings, key: str) -> None:
        """Read the files.

        Args:
            settings: their paths.
            key: of the settings in the configuration, for errors.

        Raises:
            ConfigurationError: one can't be read, is no PEM, or key and certificate don't belong together.
        """
        self._settings_key = key
        self._server_name = settings.server_name
        self._ca, self._certificate, self._key = (
            Path(name) if name is not None else None
            for name in (settings.ca_file, settings.certificate_file, settings.key_file)
        )
        self._loaded = self._read()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return tuple(path for path in (self._ca, self._certificate, self._key) if path is not None)

    def load(self) -> None:
        """Use what the files hold now for channels that are opened from now on.

        Raises:
            ConfigurationError: as the constructor; what was loaded stays.
        """
        self._loaded = self._read()

    def channel(self, address: str, options: list[tuple[str, Any]]) -> grpc.aio.Channel:
        """A channel to a model server, for the running event loop."""
        return grpc.aio.secure_channel(address, self._loaded, options=[*options, *self._name_options(None)])

    def blocking_channel(self, address: str, host: str) -> grpc.Channel:
        """A channel to the model server at `address`, whose certificate bears `host` unless the settings name it."""
        return grpc.secure_channel(address, self._loaded, options=self._name_options(host))

    def _name_options(self, host: str | None) -> list[tuple[str, Any]]:
        name = self._server_name or host
        return [] if name is None else [("grpc.ssl_target_name_override", name)]

    def _read(self) -> Any:
        before = self._contents()
        # OpenSSL judges the files, and gRPC gets the same bytes: it would accept broken ones and fail each handshake.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if self._ca is not None:
                context.load_verify_locations(self._ca)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{self._settings_key}: {self._ca} has no certificates in PEM: {error}") from error
        try:
            if self._certificate is not None:
                # An empty password, as otherwise OpenSSL asks the terminal for that of a key that has one.
                context.load_cert_chain(self._certificate, self._key, password="")
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"{self._settings_key}: {self._certificate} and {self._key} are not a certificate in PEM and its "
                f"key, which must have no password: {error}"
            ) from error
        if self._contents() != before:
            raise ConfigurationError(f"{self._settings_key}: a file changed while it was read")
        ca, certificate, key = before
        return grpc.ssl_channel_credentials(ca, key, certificate)

    def _contents(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        def content(path: Path | None) -> bytes | None:
            try:
                return None if path is None else path.read_bytes()
            except OSError as error:
                raise ConfigurationError(f"{self._settings_key}: {path} can't be read: {error.strerror}") from error

        return content(self._ca), content(self._certificate), content(self._key)
