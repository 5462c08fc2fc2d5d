"""How large a gRPC request arrived: noted where it is parsed, as asking the message costs a copy of its images."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import grpc
import grpc.aio

# gRPC parses a request in the task that answers it.
_ARRIVED_BYTES: ContextVar[int] = ContextVar("arrived_bytes", default=0)


def arrived_bytes() -> int:
    """Serialised size of the request that is being answered; 0 for a method whose messages are not parsed."""
    return _ARRIVED_BYTES.get()


class MessageSizes(grpc.aio.ServerInterceptor):
    """Notes the size of every single request. The outermost of the interceptors."""

    def __init__(self) -> None:
        self._parsers: dict[Callable[[bytes], Any], Callable[[bytes], Any]] = {}

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """The method's handler with a parser that notes the size."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_deserializer is None or handler.request_streaming:
            return handler
        parse = self._parsers.get(handler.request_deserializer)
        if parse is None:
            parse = self._parsers[handler.request_deserializer] = _noting(handler.request_deserializer)
        return handler._replace(request_deserializer=parse)


def _noting(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def noting(data: bytes) -> Any:
        _ARRIVED_BYTES.set(len(data))
        return parse(data)

    return noting
