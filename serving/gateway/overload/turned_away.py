"""Counts and logs requests that are turned away at the door, for a small part of what answering them would cost."""

from __future__ import annotations

import asyncio
import time

from serving.gateway.metrics import GatewayMetrics
from serving.gateway.overload.errors import OverloadedError
from serving.gateway.record import RequestRecord
from serving.gateway.request_log import RequestLog

# Lines of their own in the request log; those beyond share one. A flood must not become a flood of lines.
_LINES_PER_SECOND = 10


class TurnedAway:
    """Belongs to one event loop."""

    def __init__(self, metrics: GatewayMetrics, log: RequestLog) -> None:
        self._metrics = metrics
        self._log = log
        self._second = 0
        self._lines = 0
        self._unlogged = 0

    def note(self, *, protocol: str, method: str, request_id: str, error: OverloadedError) -> None:
        """One request, which was not looked at any further."""
        self._metrics.request_turned_away(protocol, method, error.reason.value)
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines <= _LINES_PER_SECOND:
            self._log.write(
                RequestRecord(
                    request_id=request_id,
                    protocol=protocol,
                    method=method,
                    allowed_seconds=0.0,
                    code=error.code,
                    http_status=error.http_status if protocol == "rest" else None,
                    error=error.message,
                )
            )
            return
        if not self._unlogged:
            asyncio.get_running_loop().call_later(1.0, self._log_the_rest)
        self._unlogged += 1

    def _log_the_rest(self) -> None:
        self._log.write_shed(self._unlogged)
        self._unlogged = 0
