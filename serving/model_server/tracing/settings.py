"""Where spans go."""

from __future__ import annotations

import re
from dataclasses import dataclass

# As `serving.tracing.otlp_endpoint` of the gateway.
_ENDPOINT = re.compile(r"https?://[^\s/@]+")


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """OpenTelemetry traces.

    Attributes:
        otlp_endpoint: OTLP/gRPC collector, such as `http://collector:4317`; https uses TLS.
        sample_rate: share of requests that are traced, of those whose client has not decided it by its traceparent.
        service_name: how the spans name this service.
    """

    otlp_endpoint: str
    sample_rate: float = 1.0
    service_name: str = "darkroom-model-server"

    def __post_init__(self) -> None:
        if not _ENDPOINT.fullmatch(self.otlp_endpoint):
            raise ValueError(
                f"The collector's address must be http://HOST:PORT or https://HOST:PORT, not {self.otlp_endpoint!r}"
            )
        if not 0 <= self.sample_rate <= 1:
            raise ValueError(f"The share of traced requests must be between 0 and 1, not {self.sample_rate}")
        if not self.service_name:
            raise ValueError("The service's name in spans must not be empty")
