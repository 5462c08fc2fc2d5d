"""uvicorn's HTTP/1.1 with bounds on what a client may do without ever sending a request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# nginx and Apache take 32 KiB and 100 headers of 8 KiB; h11, uvicorn's other parser, takes 64 KiB.
_MOST_HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds on connections.

    Attributes:
        head_seconds: in which the head of a request must be complete, from the connection's beginning or from the
            head's first byte; also for the rest of a body that nobody waits for any more.
        most: open connections; one that comes beyond is told 503 and closed.
    """

    head_seconds: float
    most: int


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. Bodies that a request waits for are bounded by whoever reads them."""

    limits: ConnectionLimits

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._patience: asyncio.TimerHandle | None = None
        self._is_in_head = True
        self._is_in_message = False
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is here."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.most:
            self._refuse(b"503 Service Unavailable", "too many connections are open; try again later", retry=True)
        else:
            self._be_patient()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some of it has come."""
        if self.transport.is_closing():
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > _MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(
                b"431 Request Header Fields Too Large", f"the request's head has more than {_MOST_HEAD_BYTES} bytes"
            )

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        super().on_message_begin()
        self._is_in_head = self._is_in_message = True
        if self._patience is None:
            self._be_patient()

    def on_headers_complete(self) -> None:
        """The last one."""
        self._forget()
        self._is_in_head = False
        self._head_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The last byte of a body."""
        self._is_in_message = False
        self._forget()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is out; the body may not be in."""
        super().on_response_complete()
        if self._is_in_message and self._patience is None and not self.transport.is_closing():
            self._be_patient()

    def _be_patient(self) -> None:
        self._patience = self.loop.call_later(self.limits.head_seconds, self._end_patience)

    def _forget(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _end_patience(self) -> None:
        self._patience = None
        if self.transport.is_closing():
            return
        if self._is_in_head and self._is_in_message:
            self._refuse(b"408 Request Timeout", f"no whole head within {self.limits.head_seconds:g} s")
        else:
            self.transport.close()

    def _refuse(self, status: bytes, text: str, *, retry: bool = False) -> None:
        content = text.encode() + b"\n"
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n%b\r\n%b"
            % (status, len(content), b"retry-after: 1\r\n" if retry else b"", content)
        )
        self.transport.close()


def protocol_with(limits: ConnectionLimits) -> type[BoundedHttpProtocol]:
    """uvicorn's `http` option."""
    return type("BoundedHttpProtocol", (BoundedHttpProtocol,), {"limits": limits})
