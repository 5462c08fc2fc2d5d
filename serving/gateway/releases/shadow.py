"""Sends a share of the answered requests to another version too, and counts how its answers differ."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

from serving.errors import Code, ServingError
from serving.gateway.pool import BackendPool
from serving.gateway.releases.comparison import compare
from serving.gateway.releases.metrics import ReleaseMetrics
from serving.gateway.releases.settings import ShadowSettings
from serving.gateway.releases.target import point_at

_LOG = logging.getLogger(__name__)

_METHODS = ("Predict", "Classify", "Regress")


class ShadowTraffic:
    """Starts when the real answer is there, so that it can neither delay nor fail it."""

    def __init__(self, settings: ShadowSettings, pool: BackendPool, metrics: ReleaseMetrics) -> None:
        self.settings = settings
        self._pool = pool
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self._bytes = 0

    @property
    def in_flight(self) -> int:
        """Requests that the shadow works on."""
        return len(self._tasks)

    def mirror(self, method: str, request: Any, size: int, answer: Any) -> None:
        """Ask the shadow what `answer` answers; returns at once. The request has about `size` bytes."""
        settings = self.settings
        if method not in _METHODS or random.random() >= settings.share:
            return
        if answer.model_spec.version.value == settings.target:
            return
        if not self._pool.may_have(settings.target):
            self._metrics.shadowed("not_loaded")
            return
        if len(self._tasks) >= settings.max_in_flight or self._bytes + size > settings.max_bytes:
            self._metrics.shadowed("dropped")
            return
        self._bytes += size
        task = asyncio.create_task(self._ask(method, request, answer), name="shadow")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, size))

    def _ended(self, task: asyncio.Task[None], size: int) -> None:
        self._tasks.discard(task)
        self._bytes -= size
        if not task.cancelled() and (error := task.exception()) is not None:
            self._metrics.shadowed(Code.INTERNAL.name)
            _LOG.error("A request for the shadow failed unexpectedly", exc_info=error)

    async def _ask(self, method: str, request: Any, answer: Any) -> None:
        copy = type(request)()
        copy.CopyFrom(request)
        point_at(copy.model_spec, self.settings.target)
        try:
            other = await self._pool.call_once(method, copy, self.settings.timeout_seconds)
            found = await asyncio.to_thread(compare, method, answer, other)
        except ServingError as error:
            self._metrics.shadowed(error.code.name)
            _LOG.debug("The shadow %s failed: %s", self.settings.target, error)
            return
        if found is None:
            self._metrics.shadowed("not_comparable")
            return
        self._metrics.shadowed("compared")
        self._metrics.compared(
            answer.model_spec.version.value,
            other.model_spec.version.value,
            found.predictions,
            found.disagreements,
            found.largest_difference,
        )

    def describe(self) -> dict[str, Any]:
        """Its state, for people and programs."""
        return {"target": self.settings.target, "share": self.settings.share, "in_flight": self.in_flight}

    async def close(self) -> None:
        """Give up what is in flight."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
