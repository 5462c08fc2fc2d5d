"""gRPC's health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md) for any server.

The messages are grpcio-health-checking's. Its own servicer is not used: it has to be told of every change, while both
servers here know their state only when asked; and its Watch never ends, so that one open watch would hold up a drain
for the whole grace.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

SERVICE_NAME: str = health.SERVICE_NAME

_Status = health_pb2.HealthCheckResponse

# How soon a watcher hears of a change.
_WATCH_SECONDS = 0.2


class HealthService(health_pb2_grpc.HealthServicer):
    """Check and Watch."""

    def __init__(self, is_serving: Callable[[], bool], services: Collection[str]) -> None:
        """Answers for the whole server (the empty name) and for each of `services`.

        Args:
            is_serving: whether requests should be sent here now; asked on the event loop, must not block.
            services: full names such as `tensorflow.serving.PredictionService`.
        """
        self._is_serving = is_serving
        self._services = {"", *services}
        self._closing = False

    def add_to(self, server: Any) -> None:
        """Serve both methods on a `grpc.aio` server."""
        health_pb2_grpc.add_HealthServicer_to_server(self, server)

    def close(self) -> None:
        """Answer NOT_SERVING from now on, and end every Watch after telling it: an open one would hold up a drain."""
        self._closing = True

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's names
        """The state now."""
        status = self._status(request.service)
        if status == _Status.SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"unknown service {request.service[:100]!r}")
        return _Status(status=status)

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """The state now, and each one that it changes to."""
        told: int | None = None
        while not context.done():
            closing = self._closing
            status = self._status(request.service)
            if status != told:
                told = status
                yield _Status(status=status)
            if closing:
                return
            # Closed while the last state was on its way: the next one follows at once.
            if not self._closing:
                await asyncio.sleep(_WATCH_SECONDS)

    def _status(self, service: str) -> int:
        if service not in self._services:
            return _Status.SERVICE_UNKNOWN
        return _Status.SERVING if self._is_serving() and not self._closing else _Status.NOT_SERVING
