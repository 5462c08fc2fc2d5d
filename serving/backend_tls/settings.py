"""How model servers are known, and what is shown to them: a part of `darkroom.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class BackendTlsSettings(BaseModel):
    """TLS of calls to model servers. Files are PEM."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ca_file: str | None = Field(
        default=None,
        min_length=1,
        description="Authorities, PEM, one of which must have signed a model server's certificate; without it, the "
        "public ones that gRPC brings.",
    )
    certificate_file: str | None = Field(
        default=None, min_length=1, description="The caller's own certificate, PEM, for model servers that want one."
    )
    key_file: str | None = Field(
        default=None, min_length=1, description="The certificate's private key, PEM, without a password."
    )
    server_name: str | None = Field(
        default=None,
        min_length=1,
        description="Name that a model server's certificate must bear; without it, the host in its address.",
    )

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        return self

    def located(self, base: Path) -> Self:
        """The same with paths that are taken from `base` where they are relative."""
        paths = {name: getattr(self, name) for name in ("ca_file", "certificate_file", "key_file")}
        return self.model_copy(
            update={name: str(base / Path(path).expanduser()) for name, path in paths.items() if path is not None}
        )
