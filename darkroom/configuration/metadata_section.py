"""The `pipeline.metadata` section of `darkroom.yaml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.configuration.section import Section


class MetadataSection(Section):
    """A database in MySQL's protocol, which steps on several machines share."""

    host: Annotated[str, Field(min_length=1)] = Field(description="The database server's name or IP address.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(default=3306, description="Where it listens.")
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = Field(
        default="darkroom", description="The database, which exists; the first run makes its tables."
    )
    user: str = Field(default="darkroom", description="Who may read and write there, and make tables.")
    password_variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = Field(
        default="DARKROOM_METADATA_PASSWORD",
        description="The environment variable that holds the user's password; no password where it is not set.",
    )
    ca_file: str | None = Field(
        default=None, description="Certificates to check the server's with; null speaks without TLS."
    )
