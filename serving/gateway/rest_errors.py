"""JSON answers of REST, errors first: one form for all of them."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from serving.errors import Code, ServingError
from serving.gateway.image_check import RefusedImageError
from serving.gateway.overload.errors import OverloadedError
from serving.gateway.record import request_id_from
from serving.gateway.rest_body import HttpError
from serving.gateway.security.errors import AccessError

_RETRY_UNAVAILABLE_SECONDS = 1


def error_response(error: ServingError, request_id: str) -> Response:
    """What was wrong, as JSON, with the headers that go with it."""
    body: dict[str, Any] = {"error": error.message, "code": error.code.name, "request_id": request_id}
    headers: dict[str, str] = {}
    if isinstance(error, RefusedImageError):
        body |= {"reason": error.reason.value, "image": error.image}
    if isinstance(error, HttpError):
        headers |= error.headers
    if isinstance(error, AccessError):
        headers["www-authenticate"] = error.challenge
    if isinstance(error, OverloadedError):
        headers["retry-after"] = str(error.retry_after_seconds)
    elif error.code is Code.UNAVAILABLE:
        headers["retry-after"] = str(_RETRY_UNAVAILABLE_SECONDS)
    return json_response(body, error.http_status, headers)


async def routing_error(request: Request, error: Exception) -> Response:
    """Starlette's own errors (no such path, no such method) in the same form as all others."""
    if not isinstance(error, HTTPException):
        raise error
    request_id = request_id_from(request.headers.get("x-request-id"))
    if error.status_code == 405:
        failure = HttpError(
            405, Code.UNIMPLEMENTED, f"{request.method} is not supported here", dict(error.headers or {})
        )
    elif error.status_code == 404:
        failure = HttpError(404, Code.NOT_FOUND, f"there is nothing at {request.scope['path'][:200]}")
    else:
        failure = HttpError(error.status_code, Code.INVALID_ARGUMENT, error.detail)
    response = error_response(failure, request_id)
    response.headers["x-request-id"] = request_id
    return response


def json_response(document: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON document on one line."""
    return Response(json.dumps(document) + "\n", status, headers, media_type="application/json")
