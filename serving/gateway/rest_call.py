"""What surrounds every REST request that works: its record, its deadline, its request id, its error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from serving.errors import ServingError
from serving.gateway.record import RequestRecord, allowed_seconds, deadline_seconds, request_id_from
from serving.gateway.rest_errors import error_response
from serving.gateway.scope import RequestScope
from serving.gateway.settings import GatewaySettings
from serving.gateway.tracing.spans import trace_context_from


class RestCalls:
    """Answers requests inside a `RequestScope`."""

    def __init__(self, settings: GatewaySettings, scope: RequestScope) -> None:
        self._settings = settings
        self._scope = scope

    async def answer(self, request: Request, work: Callable[[Request, RequestRecord], Awaitable[Response]]) -> Response:
        """The response of `work`, or that of the error it raised."""
        record = RequestRecord(
            request_id=request_id_from(request.headers.get("x-request-id")),
            protocol="rest",
            method="unknown",
            allowed_seconds=self._allowed(None),
            trace_context=trace_context_from(request.headers),
            header=request.headers.get,
        )
        try:
            with self._scope.request(record):
                record.allowed_seconds = self._allowed(deadline_seconds(request.headers))
                response = await work(request, record)
                record.http_status = response.status_code
        except ServingError as error:
            response = error_response(error, record.request_id)
        response.headers["x-request-id"] = record.request_id
        return response

    def _allowed(self, asked: float | None) -> float:
        return allowed_seconds(
            asked, default=self._settings.default_deadline_seconds, longest=self._settings.max_deadline_seconds
        )
