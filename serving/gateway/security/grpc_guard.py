"""Puts the decision about access before every gRPC method."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf import empty_pb2

from serving.errors import ServingError
from serving.gateway.grpc_call import GrpcCalls
from serving.gateway.record import RequestRecord
from serving.gateway.security.access import Access
from serving.gateway.security.authenticator import API_KEY, AUTHORIZATION, Credentials
from serving.gateway.security.operations import Operation, grpc_operation


class GrpcGuard(grpc.aio.ServerInterceptor):
    """Asked for each call once its metadata is there, and before its message is."""

    def __init__(self, access: Access, calls: GrpcCalls) -> None:
        self._access = access
        self._calls = calls

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """The method's own handler, or one that refuses."""
        handler = await continuation(handler_call_details)
        operation = grpc_operation(handler_call_details.method)
        if handler is None or operation.scope is None:
            return handler
        values: dict[str, list[str]] = {AUTHORIZATION: [], API_KEY: []}
        for name, value in handler_call_details.invocation_metadata or ():
            if name in values:
                values[name].append(value)
        error = self._access.admit(Credentials(values[AUTHORIZATION], values[API_KEY]), operation.scope)
        return handler if error is None else self._refusal(operation, error)

    def _refusal(self, operation: Operation, error: ServingError) -> Any:
        async def refuse(nothing: Any, record: RequestRecord) -> Any:
            del nothing, record
            raise error

        async def answer(messages: Any, context: grpc.aio.ServicerContext) -> None:
            del messages
            await self._calls.answer(operation.method, empty_pb2.Empty(), context, refuse)

        # A handler of streams, as gRPC reads the message before it calls a handler of single ones.
        return grpc.stream_stream_rpc_method_handler(answer)
