"""gRPC's health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md) for any server.

The two messages are described here: each release of grpcio-health-checking is built for one major version of protobuf,
and those for the newest grpcio do not load with the protobuf that TFX needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN = range(4)

# How soon a watcher hears of a change.
_WATCH_SECONDS = 0.2


def _messages() -> tuple[Any, Any]:
    """HealthCheckRequest and HealthCheckResponse, in a pool of their own beside whatever else is installed."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="grpc/health/v1/health.proto", package="grpc.health.v1", syntax="proto3"
    )
    request = file.message_type.add(name="HealthCheckRequest")
    request.field.add(name="service", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    response = file.message_type.add(name="HealthCheckResponse")
    states = response.enum_type.add(name="ServingStatus")
    for number, name in enumerate(("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")):
        states.value.add(name=name, number=number)
    response.field.add(
        name="status",
        number=1,
        type=field.TYPE_ENUM,
        label=field.LABEL_OPTIONAL,
        type_name=".grpc.health.v1.HealthCheckResponse.ServingStatus",
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return (
        message_factory.GetMessageClass(pool.FindMessageTypeByName("grpc.health.v1.HealthCheckRequest")),
        message_factory.GetMessageClass(pool.FindMessageTypeByName("grpc.health.v1.HealthCheckResponse")),
    )


HealthCheckRequest, HealthCheckResponse = _messages()


class HealthService:
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
        types = {
            "request_deserializer": HealthCheckRequest.FromString,
            "response_serializer": HealthCheckResponse.SerializeToString,
        }
        handler = grpc.method_handlers_generic_handler(
            "grpc.health.v1.Health",
            {
                "Check": grpc.unary_unary_rpc_method_handler(self._check, **types),
                "Watch": grpc.unary_stream_rpc_method_handler(self._watch, **types),
            },
        )
        server.add_generic_rpc_handlers((handler,))

    def close(self) -> None:
        """Answer NOT_SERVING from now on, and end every Watch after telling it: an open one would hold up a drain."""
        self._closing = True

    def _status(self, service: str) -> int:
        if service not in self._services:
            return SERVICE_UNKNOWN
        return SERVING if self._is_serving() and not self._closing else NOT_SERVING

    async def _check(self, request: Any, context: Any) -> Any:
        status = self._status(request.service)
        if status == SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"unknown service {request.service[:100]!r}")
        return HealthCheckResponse(status=status)

    async def _watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        told: int | None = None
        while not context.done():
            status = self._status(request.service)
            if status != told:
                told = status
                yield HealthCheckResponse(status=status)
            if self._closing:
                return
            await asyncio.sleep(_WATCH_SECONDS)
