"""Turns REST requests away before anything else is done with them, while the gateway is full."""

from __future__ import annotations

import json
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.gateway.limits import Limiter
from serving.gateway.overload.errors import OverloadedError
from serving.gateway.overload.turned_away import TurnedAway
from serving.gateway.record import request_id_from
from serving.gateway.scope import RequestScope

# Ends of paths whose requests take a slot (rest_models.py, v2/rest.py), and the operations' names in metrics.
_OPERATIONS = {":predict": "predict", ":classify": "classify", ":regress": "regress", "/infer": "infer"}


class RestShedding:
    """The outermost ASGI app. Whoever would get no slot gets 429 here: no routing, no authentication, no body."""

    def __init__(self, app: ASGIApp, limiter: Limiter, requests: RequestScope, turned_away: TurnedAway) -> None:
        self._app = app
        self._limiter = limiter
        self._requests = requests
        self._turned_away = turned_away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        # While the gateway drains the answer is another one.
        if scope["type"] == "http" and scope["method"] == "POST" and not self._requests.refusing:
            operation = _operation(scope["path"])
            if operation is not None:
                try:
                    ticket = self._limiter.enter()
                except OverloadedError as error:
                    await self._refuse(operation, scope, send, error)
                    return
                try:
                    await self._app(scope, receive, send)
                finally:
                    ticket.close()
                return
        await self._app(scope, receive, send)

    async def _refuse(self, operation: str, scope: Scope, send: Send, error: OverloadedError) -> None:
        offered = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
        request_id = request_id_from(offered.decode("latin-1") if offered is not None else None)
        body: dict[str, Any] = {"error": error.message, "code": error.code.name, "request_id": request_id}
        content = json.dumps(body).encode() + b"\n"
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
            (b"retry-after", str(error.retry_after_seconds).encode()),
            (b"x-request-id", request_id.encode()),
        ]
        await send({"type": "http.response.start", "status": error.http_status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
        self._turned_away.note(protocol="rest", method=operation, request_id=request_id, error=error)


def _operation(path: str) -> str | None:
    if not path.startswith(("/v1/models/", "/v2/models/")):
        return None
    for end, operation in _OPERATIONS.items():
        if path.endswith(end):
            return operation
    return None
