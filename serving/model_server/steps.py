"""Runs a request's coroutine step by step: it computes where it is told to, and while it waits it holds no thread.

A request translates its input, runs the model and translates the output. Without batching all of that happens in one
thread. With batching thousands of requests may wait for their batch; a thread for each would cost more than the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from typing import Any, Generic, TypeVar

_Result = TypeVar("_Result")

# Work that is known to take less than passing it to a thread and back.
_INLINE_OUTPUT_BYTES = 64 * 1024


class Steps(Generic[_Result]):
    """One coroutine, driven from the event loop."""

    def __init__(self, begin: Callable[[], Coroutine[Any, Any, _Result]]) -> None:
        """`begin` makes the coroutine; it is called with the first step, or never."""
        self._begin = begin
        self._coroutine: Coroutine[Any, Any, _Result] | None = None
        self._pending: Future[Any] | None = None

    async def drive(self, executor: Executor, *, inline: bool) -> _Result:
        """The coroutine's result.

        Args:
            executor: where steps compute.
            inline: whether steps are small enough to compute on the event loop; one after a large result never is.

        Raises:
            asyncio.CancelledError: nobody waits any more. What runs goes on to its end, see `when_idle`; a step that
                was not begun never runs, and a future that was not begun is cancelled.
        """
        while True:
            if inline:
                done, value = self._advance()
            else:
                self._pending = executor.submit(self._advance)
                done, value = await asyncio.wrap_future(self._pending)
            if done:
                return value
            self._pending = value
            try:
                found = await asyncio.wrap_future(value)
            except asyncio.CancelledError:
                if self._coroutine is not None:
                    self._coroutine.close()
                raise
            except Exception:  # noqa: BLE001 - the coroutine gets it from the future
                continue
            inline = inline and _size(found) <= _INLINE_OUTPUT_BYTES

    def when_idle(self, call: Callable[[], None]) -> None:
        """Call on the event loop once nothing runs for this coroutine any more; at once if so already."""
        loop = asyncio.get_running_loop()
        if self._pending is None or self._pending.done():
            call()
        else:
            self._pending.add_done_callback(lambda _: loop.call_soon_threadsafe(call))

    def _advance(self) -> tuple[bool, Any]:
        """Run to the next wait: whether it has ended, and its result or the future that it waits for."""
        if self._coroutine is None:
            self._coroutine = self._begin()
        try:
            return False, self._coroutine.send(None)
        except StopIteration as end:
            return True, end.value


def run_to_end(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine in this thread, waiting here for what it waits for."""
    while True:
        try:
            waiting: Future[Any] = coroutine.send(None)
        except StopIteration as end:
            return end.value
        waiting.exception()


def _size(value: Any) -> int:
    return sum(array.nbytes for array in value.values()) if isinstance(value, dict) else 0
