"""Turns gRPC requests away before their message is parsed, while the gateway is full."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from serving.gateway.grpc_call import REQUEST_ID, retry_pushback
from serving.gateway.limits import Limiter
from serving.gateway.overload.errors import OverloadedError
from serving.gateway.overload.turned_away import TurnedAway
from serving.gateway.record import request_id_from
from serving.gateway.scope import RequestScope
from serving.gateway.security.operations import grpc_operation
from serving.gateway.security.principal import Scope


class GrpcShedding(grpc.aio.ServerInterceptor):
    """The outermost interceptor. Whoever would get no slot gets RESOURCE_EXHAUSTED here."""

    def __init__(self, limiter: Limiter, requests: RequestScope, turned_away: TurnedAway) -> None:
        self._limiter = limiter
        self._requests = requests
        self._turned_away = turned_away

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """The method's own handler, or one that refuses."""
        operation = grpc_operation(handler_call_details.method)
        # While the gateway drains the answer is another one.
        if operation.scope is Scope.PREDICT and not self._requests.refusing:
            try:
                self._limiter.enter()
            except OverloadedError as error:
                return self._refusal(operation.method, error)
        return await continuation(handler_call_details)

    def _refusal(self, method: str, error: OverloadedError) -> Any:
        async def answer(messages: Any, context: grpc.aio.ServicerContext) -> None:
            del messages
            offered = dict(context.invocation_metadata() or ()).get(REQUEST_ID)
            request_id = request_id_from(offered)
            self._turned_away.note(protocol="grpc", method=method, request_id=request_id, error=error)
            context.set_trailing_metadata(((REQUEST_ID, request_id), retry_pushback(error)))
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, error.message)

        # A handler of streams, as gRPC reads the message before it calls a handler of single ones.
        return grpc.stream_stream_rpc_method_handler(answer)
