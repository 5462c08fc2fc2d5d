"""What surrounds every gRPC request: its record, its deadline, its request id, its error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from serving.errors import ServingError
from serving.gateway.image_check import RefusedImageError
from serving.gateway.message_size import arrived_bytes
from serving.gateway.overload.errors import OverloadedError
from serving.gateway.record import RequestRecord, allowed_seconds, request_id_from
from serving.gateway.scope import RequestScope
from serving.gateway.security.errors import AccessError
from serving.gateway.settings import GatewaySettings
from serving.gateway.tracing.spans import trace_context_from

_STATUS = {status.value[0]: status for status in grpc.StatusCode}
# Details travel in a header, and headers of a call are limited to 8 KiB all together.
_LONGEST_DETAILS = 4000

# Trailers of a refused image, which tell a program what the details tell people.
REFUSAL_REASON = "x-refusal-reason"
REFUSAL_IMAGE = "x-refusal-image"
REQUEST_ID = "x-request-id"


def retry_pushback(error: OverloadedError) -> tuple[str, str]:
    """The trailer that gRPC's own retry policy obeys (gRFC A6)."""
    return "grpc-retry-pushback-ms", str(error.retry_after_seconds * 1000)


class GrpcCalls:
    """Answers requests inside a `RequestScope`."""

    def __init__(self, settings: GatewaySettings, scope: RequestScope) -> None:
        self._settings = settings
        self._scope = scope

    async def answer(
        self,
        method: str,
        request: Any,
        context: grpc.aio.ServicerContext,
        call: Callable[[Any, RequestRecord], Awaitable[Any]],
    ) -> Any:
        """The response of `call`; its error ends the RPC, with what belongs to it in the trailers."""
        offered = dict(context.invocation_metadata() or ())
        record = RequestRecord(
            request_id=request_id_from(offered.get(REQUEST_ID)),
            protocol="grpc",
            method=method,
            allowed_seconds=allowed_seconds(
                context.time_remaining(),
                default=self._settings.default_deadline_seconds,
                longest=self._settings.max_deadline_seconds,
            ),
            trace_context=trace_context_from(offered),
            header=offered.get,
        )
        trailers: list[tuple[str, str]] = [(REQUEST_ID, record.request_id)]
        try:
            with self._scope.request(record):
                record.request_bytes = arrived_bytes()
                response = await call(request, record)
        except ServingError as error:
            if isinstance(error, RefusedImageError):
                trailers += [(REFUSAL_REASON, error.reason.value), (REFUSAL_IMAGE, str(error.image))]
            if isinstance(error, AccessError):
                trailers.append(("www-authenticate", error.challenge))
            if isinstance(error, OverloadedError):
                trailers.append(retry_pushback(error))
            context.set_trailing_metadata(tuple(trailers))
            await context.abort(_STATUS[error.code], error.message[:_LONGEST_DETAILS])
        context.set_trailing_metadata(tuple(trailers))
        return response
