"""How much the gateway takes on: requests at once, and bytes held in memory. What is over is turned away early."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from serving.errors import Code, ServingError
from serving.gateway.settings import GatewaySettings


class OverloadedError(ServingError):
    """A request turned away because of others.

    Attributes:
        retry_after_seconds: what the client is told to wait.
    """

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(Code.RESOURCE_EXHAUSTED, message)
        self.retry_after_seconds = retry_after_seconds


class Limiter:
    """Counts what is being worked on. Belongs to one event loop, so plain numbers suffice."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._max_requests = settings.max_concurrent_requests
        self._max_bytes = settings.max_buffered_bytes
        self._retry_after = settings.retry_after_seconds
        self.requests = 0
        self.buffered_bytes = 0

    def refuse_when_full(self) -> None:
        """Turn a request away before its body is read.

        Raises:
            OverloadedError: when every slot is taken.
        """
        if self.requests >= self._max_requests:
            raise OverloadedError(
                f"{self.requests} requests are being answered, which is the limit; try again after "
                f"{self._retry_after} s",
                self._retry_after,
            )

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the slots while a request is worked on.

        Raises:
            OverloadedError: when every slot is taken.
        """
        self.refuse_when_full()
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    @contextmanager
    def buffer(self) -> Iterator[Buffer]:
        """Account for a body's bytes from their arrival until the request is answered."""
        buffer = Buffer(self)
        try:
            yield buffer
        finally:
            self.buffered_bytes -= buffer.size

    def reserve(self, size: int) -> None:
        """Add `size` bytes to what is held.

        Raises:
            OverloadedError: when that is more than the gateway may hold.
        """
        if self.buffered_bytes + size > self._max_bytes:
            raise OverloadedError(
                f"requests of {self.buffered_bytes} bytes are in memory and the limit is {self._max_bytes}; "
                f"try again after {self._retry_after} s",
                self._retry_after,
            )
        self.buffered_bytes += size


class Buffer:
    """The bytes that one request holds."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self.size = 0

    def grow_to(self, size: int) -> None:
        """Hold at least `size` bytes.

        Raises:
            OverloadedError: when the gateway holds too much already.
        """
        if size > self.size:
            self._limiter.reserve(size - self.size)
            self.size = size
