"""How late the event loop comes to its work: the time that every request waits before anybody looks at it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_TICK_SECONDS = 0.02
# Long enough that one long step, such as an import or a collection of garbage, is not taken for load.
_INTERVAL_SECONDS = 0.2


class LoopLag:
    """Sets a timer again and again and sees how late it rings.

    Attributes:
        seconds: the mean lateness in the last interval. Every request waits it out several times: once for each step
            of its way that the loop must come back to.
    """

    def __init__(self, on_interval: Callable[[float], None]) -> None:
        """Measure nothing yet; `on_interval` is told `seconds` after each interval."""
        self._on_interval = on_interval
        self.seconds = 0.0
        self._measuring: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Measure the running loop."""
        self._measuring = asyncio.create_task(self._measure(), name="loop-lag")

    async def stop(self) -> None:
        """Measure no more."""
        if self._measuring is not None:
            self._measuring.cancel()
            await asyncio.gather(self._measuring, return_exceptions=True)
            self._measuring = None

    async def _measure(self) -> None:
        while True:
            end = time.monotonic() + _INTERVAL_SECONDS
            late: list[float] = []
            while (now := time.monotonic()) < end:
                await asyncio.sleep(_TICK_SECONDS)
                late.append(time.monotonic() - now - _TICK_SECONDS)
            self.seconds = max(0.0, sum(late) / len(late))
            self._on_interval(self.seconds)
