"""Spans of the request that is being answered, and its W3C trace context.

The parts of the gateway name what they do with `step` and `backend_call`; what becomes of it is decided by the trace
that `RequestScope` opened. A context variable carries it, which asyncio hands on to every task of the request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol

from serving.gateway.record import RequestRecord

# Metadata of a call to a model server.
Metadata = tuple[tuple[str, str], ...]

TRACE_HEADERS = ("traceparent", "tracestate")

# https://www.w3.org/TR/trace-context/#traceparent-header; an id of zeros is invalid.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?")
# The length that the standard wants to be passed on at least; more would only fill a backend's headers. gRPC would
# refuse a call with other characters, which have no place in it anyway.
_TRACESTATE = re.compile(r"[ -~]{1,512}")


class Trace(Protocol):
    """One request's spans."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """A span around a part of the work."""

    def backend_call(self, address: str, method: str) -> AbstractContextManager[Metadata]:
        """A span around a call to a model server, and the metadata that continue the trace there."""


class Tracer(Protocol):
    """Opens the trace of each request."""

    def request(self, record: RequestRecord) -> AbstractContextManager[Trace]:
        """The span around the whole request; continues the client's trace, and sets `record.trace_id`."""

    async def close(self) -> None:
        """Send what is left."""


class PassedOn:
    """No spans of the gateway's own; the client's trace context goes on to the model server as it came."""

    def __init__(self, metadata: Metadata = ()) -> None:
        self._metadata = metadata

    def step(self, name: str) -> AbstractContextManager[None]:
        """Nothing."""
        del name
        return nullcontext()

    def backend_call(self, address: str, method: str) -> AbstractContextManager[Metadata]:
        """The client's trace context."""
        del address, method
        return nullcontext(self._metadata)


class PassingTracer:
    """Traces nothing."""

    @contextmanager
    def request(self, record: RequestRecord) -> Iterator[Trace]:
        """The client's own trace, for the log and the model server."""
        traceparent = record.trace_context.get("traceparent")
        if traceparent is None:
            yield PassedOn()
            return
        record.trace_id = traceparent.split("-")[1]
        yield PassedOn(tuple(record.trace_context.items()))

    async def close(self) -> None:
        """Nothing is left."""


_CURRENT: ContextVar[Trace] = ContextVar("trace", default=PassedOn())  # noqa: B039 - it holds nothing that changes


@contextmanager
def traced(tracer: Tracer, record: RequestRecord) -> Iterator[None]:
    """Answer a request inside its trace."""
    with tracer.request(record) as trace:
        token = _CURRENT.set(trace)
        try:
            yield
        finally:
            _CURRENT.reset(token)


def step(name: str) -> AbstractContextManager[None]:
    """A span around a part of the current request's work."""
    return _CURRENT.get().step(name)


def backend_call(address: str, method: str) -> AbstractContextManager[Metadata]:
    """A span around a call to a model server for the current request, and the metadata to send with it."""
    return _CURRENT.get().backend_call(address, method)


def trace_context_from(headers: Mapping[str, str]) -> dict[str, str]:
    """The W3C headers among `headers`, as they came; one that is not as the standard wants it is left out."""
    rules = zip(TRACE_HEADERS, (_TRACEPARENT, _TRACESTATE), strict=True)
    return {name: headers[name] for name, rule in rules if name in headers and rule.fullmatch(headers[name])}
