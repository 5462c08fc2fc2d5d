"""Traces by OpenTelemetry's SDK, sent over OTLP. Imported only when tracing is switched on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from serving.errors import Code
from serving.gateway.record import RequestRecord
from serving.gateway.tracing.settings import TracingSettings
from serving.gateway.tracing.spans import Metadata, Trace

# A collector that is away must hold up neither the spans of later minutes nor the end of the process.
_EXPORT_SECONDS = 5.0
_CLOSE_SECONDS = 6.0

# What a server answers for by itself; the others are its clients' mistakes, and no error of the server's span
# (OpenTelemetry, semantic conventions for gRPC, "gRPC status").
_OWN_FAILURES = {
    *(Code.UNKNOWN, Code.DEADLINE_EXCEEDED, Code.UNIMPLEMENTED, Code.INTERNAL, Code.UNAVAILABLE, Code.DATA_LOSS)
}


class OpenTelemetryTracer:
    """Continues the client's trace, or begins one for a share of the requests."""

    def __init__(self, settings: TracingSettings) -> None:
        """Start the thread that sends spans; a collector that can't be reached costs spans, and the SDK logs it."""
        if settings.otlp_endpoint is None:
            raise ValueError("tracing needs an otlp_endpoint")
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(settings.sample_rate),
            resource=Resource.create({SERVICE_NAME: settings.service_name}),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(
            endpoint=settings.otlp_endpoint,
            insecure=settings.otlp_endpoint.startswith("http://"),
            timeout=_EXPORT_SECONDS,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("darkroom.gateway")

    @contextmanager
    def request(self, record: RequestRecord) -> Iterator[Trace]:
        """The server's span."""
        parent = propagate.extract(record.trace_context)
        with self._tracer.start_as_current_span(
            f"{record.protocol} request",
            context=parent,
            kind=SpanKind.SERVER,
            attributes={"darkroom.request_id": record.request_id, "darkroom.protocol": record.protocol},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            record.trace_id = trace.format_trace_id(span.get_span_context().trace_id)
            try:
                yield _Spans(self._tracer)
            finally:
                if span.is_recording():
                    _describe(span, record)

    async def close(self) -> None:
        """Send the spans that are left."""
        # A thread of its own: one out of the loop's executor would be waited for at the end of the process.
        closing = threading.Thread(target=self._provider.shutdown, name="close-tracing", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, _CLOSE_SECONDS)


class _Spans:
    """Children of the span that is current."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        with self._tracer.start_as_current_span(name):
            yield

    @contextmanager
    def backend_call(self, address: str, method: str) -> Iterator[Metadata]:
        host, _, port = address.rpartition(":")
        with self._tracer.start_as_current_span(
            f"model server {method}",
            kind=SpanKind.CLIENT,
            attributes={"rpc.system": "grpc", "rpc.method": method, "server.address": host, "server.port": port},
        ):
            carrier: dict[str, str] = {}
            propagate.inject(carrier)
            yield tuple(carrier.items())


def _describe(span: Span, record: RequestRecord) -> None:
    """What is known when the request is done. Names that only a client knows are cut, as in the log."""
    span.update_name(f"{record.protocol} {record.method}")
    span.set_attributes(
        {
            "darkroom.method": record.method,
            "darkroom.model": record.model[:512],
            "darkroom.version": record.answered_version,
            "darkroom.images": len(record.images),
            "darkroom.code": "OK" if record.code is None else record.code.name,
        }
    )
    if record.http_status is not None:
        span.set_attribute("http.response.status_code", record.http_status)
    if record.code in _OWN_FAILURES:
        span.set_status(Status(StatusCode.ERROR, record.error[:512]))
