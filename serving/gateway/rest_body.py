"""Reading a request's body: bounded in size, in time, and in what all requests together hold."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from serving.errors import Code, ServingError
from serving.gateway.limits import Buffer
from serving.gateway.record import RequestRecord
from serving.gateway.settings import GatewaySettings

_Answer = TypeVar("_Answer")


class HttpError(ServingError):
    """An error with an HTTP status of its own, which gRPC's codes don't have."""

    def __init__(self, status: int, code: Code, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(code, message)
        self._status = status
        self.headers = headers or {}

    @property
    def http_status(self) -> int:
        """The HTTP status of this error."""
        return self._status


async def read_body(request: Request, settings: GatewaySettings, buffer: Buffer, record: RequestRecord) -> bytes:
    """The whole body.

    Raises:
        HttpError: 413 for one that is too large (announced or not), 408 for one that takes too long.
        OverloadedError: when the gateway holds too many bytes already.
        ServingError: CANCELLED when the client goes away.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise HttpError(
            415, Code.INVALID_ARGUMENT, f"Content-Encoding {encoding[:50]!r} is not supported; send the body as it is"
        )
    announced = request.headers.get("content-length")
    if announced is not None:  # the HTTP parser has made sure that it is a number
        size = int(announced)
        _check_size(size, settings)
        buffer.grow_to(size)
    pieces: list[bytes] = []
    received = 0
    seconds = min(settings.body_timeout_seconds, record.remaining())
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                received += len(piece)
                _check_size(received, settings)
                buffer.grow_to(received)
                pieces.append(piece)
    except TimeoutError as error:
        raise HttpError(
            408,
            Code.DEADLINE_EXCEEDED,
            f"{received} bytes of the body arrived in {seconds:.1f} s, and then the time was up",
            {"connection": "close"},
        ) from error
    except ClientDisconnect as error:
        raise ServingError(Code.CANCELLED, "the client went away before its body was complete") from error
    record.request_bytes = received
    return b"".join(pieces)


def _check_size(size: int, settings: GatewaySettings) -> None:
    if size > settings.max_request_bytes:
        raise HttpError(
            413,
            Code.INVALID_ARGUMENT,
            f"the body has more than {settings.max_request_bytes} bytes, which is the limit for one request",
            {"connection": "close"},
        )


async def unless_disconnected(request: Request, work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """Await `work`, and cancel it when the client goes away. The request's body must have been read.

    Raises:
        ServingError: CANCELLED when the client went away.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ServingError(Code.CANCELLED, "the client went away")
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
