"""`serving.tracing`: where spans go."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class TracingSettings(BaseModel):
    """OpenTelemetry traces; off until an endpoint is named. Needs the extra `tracing`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    otlp_endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/@]+$")] | None = Field(
        default=None,
        description="OTLP/gRPC collector that spans are sent to, such as `http://collector:4317`; https uses TLS. Null "
        "traces nothing. Headers and certificates are taken from OpenTelemetry's own OTEL_EXPORTER_OTLP_… variables.",
    )
    sample_rate: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1.0,
        description="Share of requests that are traced, of those whose client has not decided it by its traceparent.",
    )
    service_name: str = Field(default="darkroom-gateway", min_length=1, description="How the spans name this service.")
