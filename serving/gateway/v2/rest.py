"""The protocol over REST, `/v2/…`."""

from __future__ import annotations

import re
from importlib.metadata import version as installed_version
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.errors import Code
from serving.gateway.health import Health
from serving.gateway.limits import Limiter
from serving.gateway.record import RequestRecord
from serving.gateway.rest_body import HttpError, read_body, unless_disconnected
from serving.gateway.rest_call import RestCalls
from serving.gateway.rest_errors import json_response
from serving.gateway.rest_models import ALLOWED, METHODS
from serving.gateway.settings import GatewaySettings
from serving.gateway.v2.inference import (
    EXTENSIONS,
    PLATFORM,
    SERVER_NAME,
    ModelDescription,
    OpenInference,
    TensorDescription,
)
from serving.gateway.v2.rest_request import JSON_LENGTH, parse_infer, render_infer

_PATH = re.compile(r"/v2/models/(?P<model>[^/:]+)(?:/versions/(?P<version>[^/:]+))?(?:/(?P<operation>ready|infer))?")


class V2Api:
    """Answers requests to `/v2/…`."""

    def __init__(
        self,
        settings: GatewaySettings,
        calls: RestCalls,
        inference: OpenInference,
        limiter: Limiter,
        health: Health,
    ) -> None:
        self._settings = settings
        self._calls = calls
        self._inference = inference
        self._limiter = limiter
        self._health = health

    def routes(self) -> list[Route]:
        """The paths."""
        return [
            Route("/v2", self._server),
            Route("/v2/health/live", self._live),
            Route("/v2/health/ready", self._ready),
            Route("/v2/models/{path:path}", self._models, methods=METHODS),
        ]

    async def _server(self, request: Request) -> Response:
        del request
        return json_response(
            {"name": SERVER_NAME, "version": installed_version("darkroom"), "extensions": list(EXTENSIONS)}
        )

    async def _live(self, request: Request) -> Response:
        del request
        return json_response({"live": True})

    async def _ready(self, request: Request) -> Response:
        del request
        ready = self._health.readiness().ready
        return json_response({"ready": ready}, 200 if ready else 503)

    async def _models(self, request: Request) -> Response:
        return await self._calls.answer(request, self._answer)

    async def _answer(self, request: Request, record: RequestRecord) -> Response:
        path = _PATH.fullmatch(request.scope["path"])
        if path is None:
            raise HttpError(
                404,
                Code.NOT_FOUND,
                f"there is nothing at {request.scope['path'][:200]}; the path is /v2/models/MODEL, with /versions/V "
                "after it where wanted, then /ready, /infer or nothing",
            )
        operation = path["operation"]
        record.method = {"infer": "infer", "ready": "status", None: "metadata"}[operation]
        wanted = "POST" if operation == "infer" else "GET"
        if request.method != wanted and not (wanted == "GET" and request.method == "HEAD"):
            raise HttpError(
                405,
                Code.UNIMPLEMENTED,
                f"{operation or 'this'} takes {wanted}, not {request.method}",
                {"allow": ALLOWED[wanted]},
            )
        model, version = path["model"], path["version"] or ""
        if operation == "ready":
            ready = await self._inference.ready(model, version, record)
            return json_response({"name": model, "ready": ready}, 200 if ready else 503)
        if operation is None:
            return json_response(_model(await self._inference.describe(model, version, record)))
        with self._limiter.buffer() as buffer:
            body = await read_body(request, self._settings, buffer, record)
            asked = parse_infer(body, request.headers.get(JSON_LENGTH), model, version)
            answer = await unless_disconnected(request, self._inference.infer(asked.request, record))
            content, json_length = render_infer(asked, answer)
            if json_length is None:
                return Response(content, media_type="application/json")
            return Response(content, headers={JSON_LENGTH: str(json_length)}, media_type="application/octet-stream")


def _model(found: ModelDescription) -> dict[str, Any]:
    return {
        "name": found.model,
        "versions": [str(version) for version in found.versions],
        "platform": PLATFORM,
        "inputs": [_tensor(tensor) for tensor in found.inputs],
        "outputs": [_tensor(tensor) for tensor in found.outputs],
    }


def _tensor(found: TensorDescription) -> dict[str, Any]:
    return {"name": found.name, "datatype": found.datatype, "shape": list(found.shape)}
