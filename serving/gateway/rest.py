"""REST: every path and what answers it. Adapters translate only; `core.py` decides."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.gateway.core import GatewayCore
from serving.gateway.health import Health
from serving.gateway.limits import Limiter
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.overload.rest_shedding import RestShedding
from serving.gateway.overload.turned_away import TurnedAway
from serving.gateway.pages.routes import page_routes
from serving.gateway.releases.releases import Releases
from serving.gateway.rest_call import RestCalls
from serving.gateway.rest_errors import json_response, routing_error
from serving.gateway.rest_models import METHODS, ModelsApi
from serving.gateway.scope import RequestScope
from serving.gateway.security.access import Access
from serving.gateway.security.rest_guard import guarded_routes
from serving.gateway.settings import GatewaySettings
from serving.gateway.v2.inference import OpenInference
from serving.gateway.v2.rest import V2Api


class RestAdapter:
    """The ASGI app, `app`; `routes` is what answers inside it."""

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        core: GatewayCore,
        scope: RequestScope,
        limiter: Limiter,
        health: Health,
        releases: Releases,
        metrics: GatewayMetrics,
        access: Access | None,
        turned_away: TurnedAway,
    ) -> None:
        self._health = health
        self._releases = releases
        self._metrics = metrics
        self._calls = RestCalls(settings, scope)
        self._models_api = ModelsApi(settings, core, limiter)
        routes = [
            *V2Api(settings, self._calls, OpenInference(core), limiter, health).routes(),
            Route("/v1/models/{path:path}", self._models, methods=METHODS),
            *page_routes(secured=access is not None),
            Route("/livez", self._livez),
            Route("/readyz", self._readyz),
            Route("/metrics", self._show_metrics),
            Route("/releases", self._show_releases),
        ]
        self.routes = Starlette(
            routes=guarded_routes(routes, access, self._calls),
            exception_handlers={HTTPException: routing_error},
        )
        self.app = RestShedding(self.routes, limiter, scope, turned_away)

    async def _models(self, request: Request) -> Response:
        return await self._calls.answer(request, self._models_api.answer)

    async def _livez(self, request: Request) -> Response:
        del request
        return json_response({"status": "alive"})

    async def _readyz(self, request: Request) -> Response:
        del request
        found = self._health.readiness()
        if not found.ready:
            return json_response({"status": "not ready", "reason": found.reason}, 503)
        return json_response({"status": "ready", "model": self._health.model_name, "version": str(found.version)})

    async def _show_releases(self, request: Request) -> Response:
        del request
        return json_response(self._releases.describe())

    async def _show_metrics(self, request: Request) -> Response:
        body, content_type = self._metrics.render(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})
