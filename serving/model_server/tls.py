"""TLS of the gRPC port, as TF Serving's `--ssl_config_file` has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from darkroom.errors import ConfigurationError
from serving.model_server.text_proto import SSLConfig, read_text_proto


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Certificates in PEM.

    Attributes:
        server_key: private key.
        server_cert: certificate, with its chain.
        custom_ca: who signs clients' certificates.
        client_verify: whether a client must show a certificate of `custom_ca`.
    """

    server_key: str = field(repr=False)
    server_cert: str
    custom_ca: str = ""
    client_verify: bool = False

    def __post_init__(self) -> None:
        if not self.server_key or not self.server_cert:
            raise ValueError("TLS needs server_key and server_cert")
        if self.client_verify and not self.custom_ca:
            raise ValueError("client_verify needs custom_ca, which signs the clients' certificates")

    def credentials(self) -> Any:
        """For a port of a gRPC server."""
        return grpc.ssl_server_credentials(
            [(self.server_key.encode(), self.server_cert.encode())],
            root_certificates=self.custom_ca.encode() or None,
            require_client_auth=self.client_verify,
        )


def read_tls_settings(path: Path) -> TlsSettings:
    """TF Serving's file, an `SSLConfig` text proto.

    Raises:
        ConfigurationError: the file cannot be read, or lacks something.
    """
    message = read_text_proto(path, SSLConfig)
    try:
        return TlsSettings(message.server_key, message.server_cert, message.custom_ca, message.client_verify)
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from error
