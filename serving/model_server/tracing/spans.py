"""Spans of one inference request, whichever thread works on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from serving.errors import ServingError
from serving.protos import model_pb2

# Reads a request's gRPC metadata or HTTP headers, with names in lower case.
Headers = Callable[[], Iterable[tuple[str, Any]]]


class Trace(Protocol):
    """One request's spans. The threads that work on a request do not know each other, so a trace is handed over."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """A span around a part of the work, in any thread."""

    def end(self, spec: model_pb2.ModelSpec, version: int, error: BaseException | None) -> None:
        """The request is answered, by `version` (0 for none) or with `error`."""


class Tracer(Protocol):
    """Begins the trace of each inference request."""

    def begin(self, api: str, entrypoint: str, headers: Headers) -> Trace:
        """The span around the whole request; continues the trace that its headers name."""

    async def close(self) -> None:
        """Send what is left."""


class _NoTrace:
    def step(self, name: str) -> AbstractContextManager[None]:
        """Nothing."""
        del name
        return nullcontext()

    def end(self, spec: model_pb2.ModelSpec, version: int, error: BaseException | None) -> None:
        """Nothing."""


class NoTracer:
    """Traces nothing."""

    _trace = _NoTrace()

    def begin(self, api: str, entrypoint: str, headers: Headers) -> Trace:
        """A trace that records nothing; `headers` are not read."""
        del api, entrypoint, headers
        return self._trace

    async def close(self) -> None:
        """Nothing is left."""


def message_of(error: BaseException) -> str:
    """What a span may say of a failure: the client's message; of a bug only its kind."""
    return error.message if isinstance(error, ServingError) else type(error).__name__
