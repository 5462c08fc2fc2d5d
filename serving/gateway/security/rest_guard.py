"""Puts the decision about access before every REST route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.errors import ServingError
from serving.gateway.record import RequestRecord
from serving.gateway.rest_call import RestCalls
from serving.gateway.security.access import Access
from serving.gateway.security.authenticator import API_KEY, AUTHORIZATION, Credentials
from serving.gateway.security.operations import Operation, rest_operation


def guarded_routes(routes: Iterable[Route], access: Access | None, calls: RestCalls) -> list[Route]:
    """The routes, each behind `access`; as they are without one."""
    if access is None:
        return list(routes)
    return [Route(route.path, _guarded(route, access, calls), methods=sorted(route.methods or ())) for route in routes]


def _guarded(route: Route, access: Access, calls: RestCalls) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        operation = rest_operation(route.path, request.scope["path"], protects_metrics=access.protects_metrics)
        if operation.scope is not None:
            headers = request.headers
            credentials = Credentials(headers.getlist(AUTHORIZATION), headers.getlist(API_KEY))
            error = access.admit(credentials, operation.scope)
            if error is not None:
                return await calls.answer(request, _refusal(operation, error))
        response: Response = await route.endpoint(request)
        if operation.scope is not None:
            # Caches between here and the caller know that Authorization makes an answer private; X-API-Key they don't.
            response.headers.setdefault("cache-control", "no-store")
        return response

    return answer


def _refusal(operation: Operation, error: ServingError) -> Callable[[Request, RequestRecord], Awaitable[Response]]:
    async def refuse(request: Request, record: RequestRecord) -> Response:
        del request  # its body stays unread
        record.method = operation.method
        raise error

    return refuse
