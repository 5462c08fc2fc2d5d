"""OpenTelemetry's SDK, with spans sent over OTLP/gRPC. Imported only where tracing is switched on."""

from __future__ import annotations

import asyncio
import threading

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Span, Status, StatusCode

from serving.errors import Code

# A collector that is away must hold up neither the spans of later minutes nor the end of the process.
_EXPORT_SECONDS = 5.0
_CLOSE_SECONDS = 6.0
# Of a name or a message that may have come from a client.
LONGEST_TEXT = 512

# What a server answers for by itself; the others are its clients' mistakes, and no error of the server's span
# (OpenTelemetry, semantic conventions for gRPC, "gRPC status").
_OWN_FAILURES = {
    *(Code.UNKNOWN, Code.DEADLINE_EXCEEDED, Code.UNIMPLEMENTED, Code.INTERNAL, Code.UNAVAILABLE, Code.DATA_LOSS)
}


class SpanExport:
    """Makes tracers whose spans go to a collector."""

    def __init__(self, endpoint: str, *, service_name: str, sample_rate: float) -> None:
        """Start the thread that sends spans; a collector that can't be reached costs spans, and the SDK logs it.

        Args:
            endpoint: `http://host:port`, or https for TLS.
            service_name: how the spans name their service.
            sample_rate: share of traces that are kept, of those that begin here; who began the others has decided.
        """
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(sample_rate),
            resource=Resource.create({SERVICE_NAME: service_name}),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http://"), timeout=_EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))

    def tracer(self, name: str) -> trace.Tracer:
        """A tracer for the part of the service that has this name."""
        return self._provider.get_tracer(name)

    async def close(self) -> None:
        """Send the spans that are left."""
        # A thread of its own: one out of the loop's executor would be waited for at the end of the process.
        closing = threading.Thread(target=self._provider.shutdown, name="close-tracing", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, _CLOSE_SECONDS)


def set_status(span: Span, code: Code | None, message: str) -> None:
    """Make a server's span an error where its request failed by the server's own fault."""
    if code in _OWN_FAILURES:
        span.set_status(Status(StatusCode.ERROR, message[:LONGEST_TEXT]))
