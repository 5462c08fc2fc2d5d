"""REST: images as they are, TF Serving's JSON, health and metrics. Translates only; `core.py` decides."""

from __future__ import annotations

import json
import re
from typing import Any

from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.errors import Code, ServingError
from serving.gateway.core import GatewayCore
from serving.gateway.health import Health
from serving.gateway.image_check import RefusedImageError
from serving.gateway.limits import Limiter, OverloadedError
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.multipart import images_from_multipart
from serving.gateway.prediction import ImagePrediction, ImagesAnswer
from serving.gateway.record import RequestRecord, allowed_seconds, deadline_seconds, request_id_from
from serving.gateway.rest_body import HttpError, read_body, unless_disconnected
from serving.gateway.scope import RequestScope
from serving.gateway.settings import GatewaySettings
from serving.protos import get_model_metadata_pb2, get_model_status_pb2, model_pb2

# TF Serving's paths (tensorflow_serving/model_servers/http_rest_api_util.cc).
_PATH = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<operation>:predict|:classify|:regress|/metadata)?"
)
_LARGEST_VERSION = 2**63 - 1

# TF Serving never looks at the type, and `curl -d` announces a form: both mean its JSON.
_JSON_TYPES = ("", "application/json", "application/x-www-form-urlencoded")
_ACCEPTED = "image/*, application/octet-stream, multipart/form-data, application/json"
_IMAGE_OPTIONS = {"top_k", "signature_name"}
_RETRY_UNAVAILABLE_SECONDS = 1


class RestAdapter:
    """The ASGI app."""

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        core: GatewayCore,
        scope: RequestScope,
        limiter: Limiter,
        health: Health,
        metrics: GatewayMetrics,
    ) -> None:
        self._settings = settings
        self._core = core
        self._scope = scope
        self._limiter = limiter
        self._health = health
        self._metrics = metrics
        self.app = Starlette(
            routes=[
                Route("/v1/models/{path:path}", self._models, methods=["GET", "POST"]),
                Route("/livez", self._livez),
                Route("/readyz", self._readyz),
                Route("/metrics", self._show_metrics),
            ],
            exception_handlers={HTTPException: _routing_error},
        )

    async def _livez(self, request: Request) -> Response:
        del request
        return _json({"status": "alive"})

    async def _readyz(self, request: Request) -> Response:
        del request
        found = self._health.readiness()
        if not found.ready:
            return _json({"status": "not ready", "reason": found.reason}, 503)
        return _json({"status": "ready", "model": self._health.model_name, "version": str(found.version)})

    async def _show_metrics(self, request: Request) -> Response:
        body, content_type = self._metrics.render(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    async def _models(self, request: Request) -> Response:
        record = RequestRecord(
            request_id=request_id_from(request.headers.get("x-request-id")),
            protocol="rest",
            method="unknown",
            allowed_seconds=self._allowed(None),
        )
        try:
            with self._scope.request(record):
                record.allowed_seconds = self._allowed(deadline_seconds(request.headers))
                response = await self._answer(request, record)
                record.http_status = response.status_code
        except ServingError as error:
            response = _error(error, record.request_id)
        response.headers["x-request-id"] = record.request_id
        return response

    def _allowed(self, asked: float | None) -> float:
        return allowed_seconds(
            asked, default=self._settings.default_deadline_seconds, longest=self._settings.max_deadline_seconds
        )

    async def _answer(self, request: Request, record: RequestRecord) -> Response:
        path = _PATH.fullmatch(request.scope["path"])
        if path is None:
            raise HttpError(
                404,
                Code.NOT_FOUND,
                f"Malformed request: {request.method} {request.scope['path'][:200]}; the path is /v1/models/MODEL, "
                "with /versions/N or /labels/L after it where wanted, then :predict, :classify, :regress or /metadata",
            )
        operation = (path["operation"] or "status").lstrip(":/")
        record.method = operation
        wanted = "POST" if (path["operation"] or "").startswith(":") else "GET"
        if request.method != wanted and not (wanted == "GET" and request.method == "HEAD"):
            raise HttpError(
                405, Code.UNIMPLEMENTED, f"{operation} takes {wanted}, not {request.method}", {"allow": wanted}
            )
        spec = _model_spec(path)
        if operation == "status":
            asked = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
            return _proto(await self._core.status(asked, record))
        if operation == "metadata":
            wants = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
            return _metadata(await self._core.metadata(wants, record))
        self._limiter.refuse_when_full()
        with self._limiter.buffer() as buffer:
            kind = _body_kind(request, operation)
            body = await read_body(request, self._settings, buffer, record)
            if kind == "json":
                _no_options(request)
                answer = {
                    "predict": self._core.predict_json,
                    "classify": self._core.classify_json,
                    "regress": self._core.regress_json,
                }[operation]
                text = await unless_disconnected(request, answer(spec, body, record))
                return Response(text, media_type="application/json")
            top_k = _image_options(request, spec)
            if kind == "multipart":
                images = images_from_multipart(
                    body, request.headers["content-type"], self._settings.max_images_per_request
                )
            else:
                images = [body]
            found = await unless_disconnected(
                request, self._core.predict_images(spec, images, top_k=top_k, record=record)
            )
            return _json(_images_answer(found))


def _model_spec(path: re.Match[str]) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=path["model"])
    if path["version"] is not None:
        # The length comes first: Python refuses to read a number of more than 4,300 digits.
        if len(path["version"]) > 19 or int(path["version"]) > _LARGEST_VERSION:
            raise ServingError(Code.INVALID_ARGUMENT, f"version {path['version'][:40]} is not a 64-bit number")
        spec.version.value = int(path["version"])
    if path["label"] is not None:
        spec.version_label = path["label"]
    return spec


def _body_kind(request: Request, operation: str) -> str:
    """How to read the body: "json", "multipart" or "image".

    Raises:
        HttpError: 415 for another type.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in _JSON_TYPES:
        return "json"
    if operation == "predict":
        if media_type == "multipart/form-data":
            return "multipart"
        if media_type.startswith("image/") or media_type == "application/octet-stream":
            return "image"
    accepted = _ACCEPTED if operation == "predict" else "application/json"
    raise HttpError(
        415,
        Code.INVALID_ARGUMENT,
        f"Content-Type {media_type[:100]!r} is not supported; {operation} takes {accepted}",
        {"accept-post": accepted},
    )


def _no_options(request: Request) -> None:
    given = sorted(request.query_params.keys())
    if given:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"query {given[0][:50]!r} does not go with JSON: TF Serving's JSON has signature_name in its body, and "
            "answers with every class. Send the image itself to choose top_k",
        )


def _image_options(request: Request, spec: model_pb2.ModelSpec) -> int | None:
    """Take the query apart: sets the spec's signature name, returns top_k."""
    for name in request.query_params:
        if name not in _IMAGE_OPTIONS:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"unknown query {name[:50]!r}; there are {', '.join(sorted(_IMAGE_OPTIONS))}"
            )
    spec.signature_name = request.query_params.get("signature_name", "")
    top_k = request.query_params.get("top_k")
    if top_k is None:
        return None
    if not re.fullmatch(r"-?[0-9]{1,9}", top_k):
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"top_k must be a whole number from 1 to the model's number of classes, got {top_k[:50]!r}",
        )
    return int(top_k)


def _images_answer(answer: ImagesAnswer) -> dict[str, Any]:
    return {
        # A version is a 64-bit number; JavaScript's are not, so JSON has it as text, as TF Serving does.
        "model": {"name": answer.model, "version": str(answer.version)},
        "preprocessing_version": answer.preprocessing_version,
        "predictions": [_image_prediction(prediction) for prediction in answer.predictions],
        "timing_ms": {name: round(value, 3) for name, value in answer.timing_ms.items()},
    }


def _image_prediction(prediction: ImagePrediction) -> dict[str, Any]:
    classes = [
        {"label": scored.label, "class_id": scored.class_id, "confidence": _decimal(scored.confidence)}
        for scored in prediction.top_k
    ]
    header = prediction.image
    return {
        **(classes[0] | {"top_k": classes} if classes else {"value": _decimal(prediction.value)}),
        "image": {"format": header.format.value, "width": header.width, "height": header.height},
    }


def _decimal(value: float | None) -> float | None:
    """A float32 without the digits that only its conversion to float64 brings; it reads back as the same float32."""
    return None if value is None else float(f"{value:.9g}")


def _error(error: ServingError, request_id: str) -> Response:
    body: dict[str, Any] = {"error": error.message, "code": error.code.name, "request_id": request_id}
    headers: dict[str, str] = {}
    if isinstance(error, RefusedImageError):
        body |= {"reason": error.reason.value, "image": error.image}
    if isinstance(error, HttpError):
        headers |= error.headers
    if isinstance(error, OverloadedError):
        headers["retry-after"] = str(error.retry_after_seconds)
    elif error.code is Code.UNAVAILABLE:
        headers["retry-after"] = str(_RETRY_UNAVAILABLE_SECONDS)
    return _json(body, error.http_status, headers)


async def _routing_error(request: Request, error: Exception) -> Response:
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
    response = _error(failure, request_id)
    response.headers["x-request-id"] = request_id
    return response


def _json(document: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(document) + "\n", status, headers, media_type="application/json")


def _proto(message: Any) -> Response:
    """A proto as TF Serving's REST API writes it."""
    return Response(_proto_text(message) + "\n", media_type="application/json")


def _metadata(message: get_model_metadata_pb2.GetModelMetadataResponse) -> Response:
    """As TF Serving writes it: the packed signatures without the "@type" that JSON of an Any has."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    message.metadata["signature_def"].Unpack(signatures)
    spec, packed = _proto_text(message.model_spec), _proto_text(signatures)
    return Response(
        f'{{\n"model_spec": {spec},\n"metadata": {{"signature_def": {packed}}}\n}}\n', media_type="application/json"
    )


def _proto_text(message: Any) -> str:
    return json_format.MessageToJson(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=1
    )
