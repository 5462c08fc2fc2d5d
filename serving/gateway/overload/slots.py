"""Places for requests that are worked on, and the queue before them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serving.gateway.overload.adaptive_limit import AdaptiveLimit
from serving.gateway.overload.errors import OverloadedError, Shed


class Slots:
    """First come, first served, for as long as a request may wait. Belongs to one event loop.

    Attributes:
        in_use: requests that are worked on.
        most_in_use: the largest `in_use` since `take_most_in_use` was last asked.
    """

    def __init__(self, limit: AdaptiveLimit, *, max_queue_seconds: float, retry_after_seconds: int) -> None:
        self._limit = limit
        self._max_queue_seconds = max_queue_seconds
        self._retry_after = retry_after_seconds
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.in_use = 0
        self.most_in_use = 0

    @property
    def queued(self) -> int:
        """Requests that wait for a slot."""
        return len(self._waiting)

    def take_most_in_use(self) -> int:
        """`most_in_use`, which begins anew."""
        found, self.most_in_use = self.most_in_use, self.in_use
        return found

    def refuse_when_full(self, arriving: int = 0) -> None:
        """Turn a request away that could not even wait, behind `arriving` others that will want a slot first.

        Raises:
            OverloadedError: every slot is taken, and so is every place in the queue.
        """
        places = self._limit.current * (2 if self._max_queue_seconds else 1)
        if self.in_use + self.queued + arriving < places:
            return
        waiting = f" and {self.queued} wait" if self.queued else ""
        raise OverloadedError(
            f"{self.in_use} requests are being answered{waiting}, which is the limit; try again after "
            f"{self._retry_after} s",
            self._retry_after,
            Shed.CONCURRENCY,
        )

    @asynccontextmanager
    async def slot(self, allowed_seconds: float) -> AsyncIterator[None]:
        """Hold a slot, after a wait for it where there must be one.

        Args:
            allowed_seconds: what is left of the request's deadline.

        Raises:
            OverloadedError: every slot is taken, or none came free in time.
        """
        if not self._is_free():
            self.refuse_when_full()
            await self._wait(min(self._max_queue_seconds, allowed_seconds))
        else:
            self._take()
        try:
            yield
        finally:
            self.in_use -= 1
            self.hand_on()

    def hand_on(self) -> None:
        """Give free slots to those who wait longest; to be called too when the limit has grown."""
        while self._waiting and self.in_use < self._limit.current:
            waiter = self._waiting.popleft()
            if not waiter.done():
                # The slot is the waiter's from here on, so that nobody who comes later takes it first.
                self._take()
                waiter.set_result(None)

    def _is_free(self) -> bool:
        return self.in_use < self._limit.current and not self._waiting

    def _take(self) -> None:
        self.in_use += 1
        self.most_in_use = max(self.most_in_use, self.in_use)

    async def _wait(self, seconds: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await asyncio.wait({waiter}, timeout=seconds)
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        if not waiter.done():
            self._leave(waiter)
            raise OverloadedError(
                f"no place became free in {seconds:.3g} s, which is how long a request waits; try again after "
                f"{self._retry_after} s",
                self._retry_after,
                Shed.QUEUE_TIME,
            )

    def _leave(self, waiter: asyncio.Future[None]) -> None:
        if waiter.done():
            self.in_use -= 1
            self.hand_on()
        else:
            waiter.cancel()
            self._waiting.remove(waiter)
