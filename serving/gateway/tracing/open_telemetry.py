"""Traces by OpenTelemetry's SDK, sent over OTLP. Imported only when tracing is switched on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind

from serving.gateway.record import RequestRecord
from serving.gateway.tracing.settings import TracingSettings
from serving.gateway.tracing.spans import Metadata, Trace
from serving.otlp import LONGEST_TEXT, SpanExport, set_status


class OpenTelemetryTracer:
    """Continues the client's trace, or begins one for a share of the requests."""

    def __init__(self, settings: TracingSettings) -> None:
        """Start the thread that sends spans; a collector that can't be reached costs spans, and the SDK logs it."""
        if settings.otlp_endpoint is None:
            raise ValueError("tracing needs an otlp_endpoint")
        self._export = SpanExport(
            settings.otlp_endpoint, service_name=settings.service_name, sample_rate=settings.sample_rate
        )
        self._tracer = self._export.tracer("darkroom.gateway")

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
        await self._export.close()


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
            "darkroom.model": record.model[:LONGEST_TEXT],
            "darkroom.version": record.answered_version,
            "darkroom.images": len(record.images),
            "darkroom.code": "OK" if record.code is None else record.code.name,
        }
    )
    if record.http_status is not None:
        span.set_attribute("http.response.status_code", record.http_status)
    set_status(span, record.code, record.error)
