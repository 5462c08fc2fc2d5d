"""What each REST route and each gRPC method does, and which scope that needs. What is not listed needs admin."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from serving.gateway.security.principal import Scope
from serving.grpc_health import SERVICE_NAME as HEALTH


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that can be asked.

    Attributes:
        method: as in the record of a request.
        scope: None for what everybody may ask.
    """

    method: str
    scope: Scope | None


# A model or a version label may be called "infer" too.
_INFER = re.compile(r"/v2/models/[^/:]+(/versions/[^/:]+)?/infer")

_OPEN = Operation("unknown", None)
UNLISTED = Operation("unknown", Scope.ADMIN)
_METRICS = Operation("metrics", None)
_PROTECTED_METRICS = Operation("metrics", Scope.STATUS)
_METADATA = Operation("metadata", Scope.STATUS)
_STATUS = Operation("status", Scope.STATUS)


def _predict(method: str) -> Operation:
    return Operation(method, Scope.PREDICT)


def _of_models_path(path: str) -> Operation:
    """TF Serving's paths: the operation is the path's end. A path that leads nowhere is still for callers alone."""
    for method in ("predict", "classify", "regress"):
        if path.endswith(f":{method}"):
            return _predict(method)
    return _METADATA if path.endswith("/metadata") else _STATUS


def _of_v2_models_path(path: str) -> Operation:
    if _INFER.fullmatch(path):
        return _predict("infer")
    return _STATUS if path.endswith("/ready") else _METADATA


# By the route's own path. The pages hold no secrets; what they ask for, they ask with a key.
REST_ROUTES: dict[str, Callable[[str], Operation]] = {
    **dict.fromkeys(("/livez", "/readyz", "/v2/health/live", "/v2/health/ready"), lambda _: _OPEN),
    **dict.fromkeys(("/", "/docs", "/openapi.json"), lambda _: _OPEN),
    **dict.fromkeys(
        (f"/static/{name}" for name in ("pages.css", "try.js", "model.js", "docs.js", "icon.svg")), lambda _: _OPEN
    ),
    "/v1/models/{path:path}": _of_models_path,
    "/v2": lambda _: _METADATA,
    "/releases": lambda _: _STATUS,
    "/v2/models/{path:path}": _of_v2_models_path,
}
METRICS_ROUTE = "/metrics"

_PREDICTION = "tensorflow.serving.PredictionService"
_MODEL = "tensorflow.serving.ModelService"
_INFERENCE = "inference.GRPCInferenceService"

GRPC_METHODS: dict[str, Operation] = {
    f"/{_PREDICTION}/Predict": _predict("predict"),
    f"/{_PREDICTION}/Classify": _predict("classify"),
    f"/{_PREDICTION}/Regress": _predict("regress"),
    f"/{_PREDICTION}/MultiInference": _predict("multi_inference"),
    f"/{_PREDICTION}/GetModelMetadata": _METADATA,
    f"/{_MODEL}/GetModelStatus": _STATUS,
    f"/{_MODEL}/HandleReloadConfigRequest": Operation("reload", Scope.ADMIN),
    f"/{_INFERENCE}/ServerLive": _OPEN,
    f"/{_INFERENCE}/ServerReady": _OPEN,
    f"/{_INFERENCE}/ServerMetadata": _METADATA,
    f"/{_INFERENCE}/ModelReady": _STATUS,
    f"/{_INFERENCE}/ModelMetadata": _METADATA,
    f"/{_INFERENCE}/ModelInfer": _predict("infer"),
    **dict.fromkeys((f"/{HEALTH}/Check", f"/{HEALTH}/Watch", f"/{HEALTH}/List"), _OPEN),
}


def rest_operation(route: str, path: str, *, protects_metrics: bool) -> Operation:
    """What a request to `path`, which `route` matched, asks for."""
    if route == METRICS_ROUTE:
        return _PROTECTED_METRICS if protects_metrics else _METRICS
    of_path = REST_ROUTES.get(route)
    return of_path(path) if of_path is not None else UNLISTED


def grpc_operation(method: str) -> Operation:
    """What a call of `/package.Service/Method` asks for."""
    return GRPC_METHODS.get(method, UNLISTED)
