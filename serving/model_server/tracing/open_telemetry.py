"""Traces by OpenTelemetry's SDK. Imported only when tracing is switched on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind

from serving.errors import Code, ServingError
from serving.model_server.tracing.settings import TracingSettings
from serving.model_server.tracing.spans import Headers, Trace, message_of
from serving.otlp import LONGEST_TEXT, SpanExport, set_status
from serving.protos import model_pb2

_TRACE_HEADERS = frozenset({"traceparent", "tracestate"})


class OpenTelemetryTracer:
    """Continues the caller's trace, or begins one for a share of the requests."""

    def __init__(self, settings: TracingSettings) -> None:
        """Start the thread that sends spans."""
        self._export = SpanExport(
            settings.otlp_endpoint, service_name=settings.service_name, sample_rate=settings.sample_rate
        )
        self._tracer = self._export.tracer("darkroom.model_server")

    def begin(self, api: str, entrypoint: str, headers: Headers) -> Trace:
        """The server's span."""
        carrier = {name: value for name, value in headers() if name in _TRACE_HEADERS and isinstance(value, str)}
        span = self._tracer.start_span(
            f"{entrypoint.lower()} {api}",
            context=propagate.extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"darkroom.protocol": entrypoint.lower(), "darkroom.method": api},
        )
        return _Spans(self._tracer, span)

    async def close(self) -> None:
        """Send the spans that are left."""
        await self._export.close()


class _Spans:
    """A server's span and its children."""

    def __init__(self, tracer: trace.Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        # Handed over by hand: what is current in one thread says nothing to the next one.
        self._context = trace.set_span_in_context(span)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A child."""
        with self._tracer.start_span(
            name, context=self._context, record_exception=False, set_status_on_exception=False
        ):
            yield

    def end(self, spec: model_pb2.ModelSpec, version: int, error: BaseException | None) -> None:
        """Say what is known now. Names that only a client knows are cut."""
        code = _code(error)
        if self._span.is_recording():
            self._span.set_attributes(
                {
                    "darkroom.model": spec.name[:LONGEST_TEXT],
                    "darkroom.signature": spec.signature_name[:LONGEST_TEXT],
                    "darkroom.version": version,
                    "darkroom.code": "OK" if code is None else code.name,
                }
            )
            if error is not None:
                set_status(self._span, code, message_of(error))
        self._span.end()


def _code(error: BaseException | None) -> Code | None:
    if error is None or isinstance(error, ServingError):
        return error.code if error is not None else None
    return Code.CANCELLED if isinstance(error, asyncio.CancelledError) else Code.INTERNAL
