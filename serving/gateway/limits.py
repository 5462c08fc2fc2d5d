"""How much the gateway takes on: requests at once, and bytes held in memory. What is over is turned away early."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from serving.gateway.overload.adaptive_limit import AdaptiveLimit
from serving.gateway.overload.door import CURRENT_TICKET, Door, Ticket
from serving.gateway.overload.errors import OverloadedError, Shed
from serving.gateway.overload.loop_lag import LoopLag
from serving.gateway.overload.slots import Slots
from serving.gateway.record import RequestRecord
from serving.gateway.settings import GatewaySettings


class Limiter:
    """Counts what is being worked on. Belongs to one event loop, so plain numbers suffice."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._max_bytes = settings.max_buffered_bytes
        self._retry_after = settings.retry_after_seconds
        self._limit = AdaptiveLimit(settings.max_concurrent_requests, settings.max_loop_lag_seconds)
        self._slots = Slots(
            self._limit,
            max_queue_seconds=settings.max_queue_seconds,
            retry_after_seconds=settings.retry_after_seconds,
        )
        self._door = Door()
        self._lag = LoopLag(self._adapt)
        self.buffered_bytes = 0

    @property
    def concurrency_limit(self) -> int:
        """Requests that may be worked on at once now."""
        return self._limit.current

    @property
    def queued(self) -> int:
        """Requests that wait for a slot."""
        return self._slots.queued

    @property
    def lag_seconds(self) -> float:
        """How late the event loop is."""
        return self._lag.seconds

    def start(self) -> None:
        """Adapt to the running loop from now on."""
        self._lag.start()

    async def stop(self) -> None:
        """Adapt no more."""
        await self._lag.stop()

    def _adapt(self, lag_seconds: float) -> None:
        self._limit.note(lag_seconds, self._slots.take_most_in_use())
        self._slots.hand_on()

    def enter(self) -> Ticket:
        """Let a request in before its body is read.

        Raises:
            OverloadedError: when every slot is taken, and every place in the queue.
        """
        self._slots.refuse_when_full(self._door.arriving)
        return self._door.enter()

    @asynccontextmanager
    async def slot(self, record: RequestRecord) -> AsyncIterator[None]:
        """Hold one of the slots while a request is worked on.

        Raises:
            OverloadedError: when every slot is taken, and none comes free in the time that a request may wait.
            ServingError: DEADLINE_EXCEEDED.
        """
        started = time.monotonic()
        ticket = CURRENT_TICKET.get()
        if ticket is not None:
            ticket.close()
        async with self._slots.slot(record.remaining()):
            waited = time.monotonic() - started
            if waited > 0.0005:
                record.timing_ms["queue"] = waited * 1000
            yield

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
                Shed.BUFFERED_BYTES,
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
