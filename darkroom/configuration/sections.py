"""The sections of `darkroom.yaml` that are small; the others stand in files of their own beside this one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.configuration.metadata_section import MetadataSection
from darkroom.configuration.section import Section


class PipelineSection(Section):
    """Where runs keep their artifacts and records."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")] | None = Field(
        default=None, description="The pipeline's name in ML Metadata; the model's name when not given."
    )
    root: str = Field(default=".darkroom", description="Folder for artifacts, logs and the SQLite metadata store.")
    metadata: MetadataSection | None = Field(
        default=None,
        description="A database for the records of runs in place of SQLite; steps in a cluster need one.",
    )
    cache: bool = Field(
        default=True, description="Reuse a component's earlier result when its inputs and settings are the same."
    )
    mlflow_tracking_uri: str | None = Field(
        default=None,
        description="Log each run to MLflow tracking, too: a server's address; needs the extra `mlflow`.",
    )
    pushgateway: Annotated[str, Field(pattern=r"^https?://[^/@\s]+(/\S*)?$")] | None = Field(
        default=None,
        description="Prometheus Pushgateway that `darkroom run` tells how it ended, such as `http://pushgateway:9091`; "
        "null tells nobody.",
    )
    otlp_endpoint: Annotated[str, Field(pattern=r"^https?://[^/@\s]+$")] | None = Field(
        default=None,
        description="OpenTelemetry collector (OTLP over gRPC) that gets each run as a trace, such as "
        "`http://collector:4317`; needs the extra `tracing`.",
    )


class BeamSection(Section):
    """How Apache Beam runs ingestion, statistics, Transform and evaluation."""

    runner: str = Field(default="DirectRunner", description="Any Beam runner, by its name.")
    options: tuple[str, ...] = Field(
        default=(), description="Further Beam pipeline options, each written as on a command line."
    )
