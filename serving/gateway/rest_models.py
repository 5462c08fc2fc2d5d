"""TF Serving's paths, `/v1/models/…`, which take images as well as TF Serving's JSON."""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import json_format
from starlette.requests import Request
from starlette.responses import Response

from serving import rest_json
from serving.errors import Code, ServingError
from serving.gateway.core import GatewayCore
from serving.gateway.image_answer import images_document
from serving.gateway.images_request import ImagesRequest, is_images_request, parse_images_request
from serving.gateway.limits import Limiter
from serving.gateway.multipart import images_from_multipart
from serving.gateway.negotiation import negotiate
from serving.gateway.record import RequestRecord
from serving.gateway.rest_body import HttpError, read_body, unless_disconnected
from serving.gateway.rest_errors import json_response
from serving.gateway.settings import GatewaySettings
from serving.protos import get_model_metadata_pb2, get_model_status_pb2, model_pb2

# TF Serving's paths (tensorflow_serving/model_servers/http_rest_api_util.cc).
_PATH = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<operation>:predict|:classify|:regress|/metadata)?"
)
_LARGEST_VERSION = 2**63 - 1

# What one path takes depends on its end, so routes let every method in and the `Allow` of a refusal is exact.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
ALLOWED = {"GET": "GET, HEAD", "POST": "POST"}

# TF Serving never looks at the type, and `curl -d` announces a form: both mean its JSON.
_JSON_TYPES = ("", "application/json", "application/x-www-form-urlencoded")
_ACCEPTED = "image/*, application/octet-stream, multipart/form-data, application/json"
_IMAGE_OPTIONS = {"top_k", "signature_name"}

# The two forms of an answer to :predict. Plain JSON means the one that goes with the request's body.
LABELS_TYPE = "application/vnd.darkroom.predictions+json"
TENSORS_TYPE = "application/vnd.tensorflow-serving+json"
_FORMS = ("application/json", LABELS_TYPE, TENSORS_TYPE)


class ModelsApi:
    """Answers requests to `/v1/models/…`."""

    def __init__(self, settings: GatewaySettings, core: GatewayCore, limiter: Limiter) -> None:
        self._settings = settings
        self._core = core
        self._limiter = limiter

    async def answer(self, request: Request, record: RequestRecord) -> Response:
        """One request.

        Raises:
            ServingError: whatever is wrong with it.
        """
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
                405, Code.UNIMPLEMENTED, f"{operation} takes {wanted}, not {request.method}", {"allow": ALLOWED[wanted]}
            )
        spec = _model_spec(path)
        if operation == "status":
            asked = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
            return _proto(await self._core.status(asked, record))
        if operation == "metadata":
            wants = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
            return _metadata(await self._core.metadata(wants, record))
        with self._limiter.buffer() as buffer:
            kind = _body_kind(request, operation)
            body = await read_body(request, self._settings, buffer, record)
            if operation == "predict":
                work = self._predict(request, kind, body, spec, record)
            else:
                _no_options(request)
                work = self._examples(operation, body, spec, record)
            return await unless_disconnected(request, work)

    async def _examples(
        self, operation: str, body: bytes, spec: model_pb2.ModelSpec, record: RequestRecord
    ) -> Response:
        parsed = rest_json.parse_body(body)
        answer = self._core.classify_json if operation == "classify" else self._core.regress_json
        return _tensors(await answer(spec, parsed, record), "application/json")

    async def _predict(
        self, request: Request, kind: str, body: bytes, spec: model_pb2.ModelSpec, record: RequestRecord
    ) -> Response:
        form = negotiate(request.headers.get("accept", ""), _FORMS)
        if kind == "json":
            parsed = rest_json.parse_body(body)
            if not is_images_request(parsed):
                return await self._tf_serving_json(request, form, parsed, spec, record)
            asked = parse_images_request(parsed)
            _no_options(request)
        else:
            images = (
                images_from_multipart(body, request.headers["content-type"], self._settings.max_images_per_request)
                if kind == "multipart"
                else [body]
            )
            asked = ImagesRequest(tuple(images), *_image_options(request))
        if form is None:
            raise HttpError(
                406, Code.INVALID_ARGUMENT, f"Accept leaves nothing to answer with; there are {', '.join(_FORMS)}"
            )
        spec.signature_name = asked.signature_name
        if form == TENSORS_TYPE:
            if asked.top_k is not None:
                raise ServingError(
                    Code.INVALID_ARGUMENT, f"top_k does not go with Accept: {TENSORS_TYPE}, which has every class"
                )
            return _tensors(await self._core.predict_images_as_tensors(spec, asked.images, record), form)
        return _labels(
            images_document(await self._core.predict_images(spec, asked.images, top_k=asked.top_k, record=record)), form
        )

    async def _tf_serving_json(
        self,
        request: Request,
        form: str | None,
        parsed: rest_json.JsonBody,
        spec: model_pb2.ModelSpec,
        record: RequestRecord,
    ) -> Response:
        if form == LABELS_TYPE:
            top_k, signature_name = _image_options(request)
            if signature_name:
                raise ServingError(Code.INVALID_ARGUMENT, "TF Serving's JSON has signature_name in its body")
            answer = await self._core.predict_json_labelled(spec, parsed, top_k=top_k, record=record)
            return _labels(images_document(answer), form)
        # TF Serving does not look at Accept, so a client of its that accepts something else gets its JSON all the same.
        _no_options(request)
        return _tensors(await self._core.predict_json(spec, parsed, record), form or "application/json")


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
            f"answers with every class. Send the image itself, or Accept: {LABELS_TYPE}, to choose top_k",
        )


def _image_options(request: Request) -> tuple[int | None, str]:
    """The query's top_k and signature_name."""
    for name in request.query_params:
        if name not in _IMAGE_OPTIONS:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"unknown query {name[:50]!r}; there are {', '.join(sorted(_IMAGE_OPTIONS))}"
            )
    signature_name = request.query_params.get("signature_name", "")
    top_k = request.query_params.get("top_k")
    if top_k is None:
        return None, signature_name
    if not re.fullmatch(r"-?[0-9]{1,9}", top_k):
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"top_k must be a whole number from 1 to the model's number of classes, got {top_k[:50]!r}",
        )
    return int(top_k), signature_name


def _labels(document: dict[str, Any], media_type: str) -> Response:
    response = json_response(document)
    response.headers["content-type"] = media_type
    response.headers["vary"] = "accept"
    return response


def _tensors(text: bytes, media_type: str) -> Response:
    return Response(text, headers={"vary": "accept"}, media_type=media_type)


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
