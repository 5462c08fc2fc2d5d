"""TF Serving's REST API over the core (https://www.tensorflow.org/tfx/serving/api_rest)."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import zlib
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import unquote

from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from serving import rest_json
from serving.errors import Code, ServingError
from serving.model_server import inference
from serving.model_server.core import SIGNATURE_DEF, Call, ServingCore
from serving.model_server.runner import Runner
from serving.model_server.signature import DEFAULT_SIGNATURE
from serving.protos import (
    classification_pb2,
    get_model_metadata_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

_log = logging.getLogger(__name__)

# JSON of this size is read within tens of microseconds.
_SMALL_BODY_BYTES = 4 * 1024

# A few kilobytes can unpack to gigabytes; a batch of images as JSON is well below this.
_MAX_UNPACKED_BYTES = 256 * 1024 * 1024

# The shapes of http_rest_api_util.cc: case-insensitive, names without slash and colon.
_TARGET = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_INFERENCE = re.compile(rf"{_TARGET}:(?P<method>classify|regress|predict)", re.IGNORECASE | re.ASCII)
_STATUS = re.compile(rf"{_TARGET}(?P<metadata>/metadata)?", re.IGNORECASE | re.ASCII)


class RestAdapter:
    """Answers `/v1/models/…` and the metrics page."""

    def __init__(self, core: ServingCore, *, timeout_seconds: float, metrics_path: str | None) -> None:
        """`timeout_seconds` is how long one request may take; without a `metrics_path` there is no metrics page."""
        self._core = core
        self._metrics_path = metrics_path
        self._timeout_seconds = timeout_seconds

    def app(self) -> Starlette:
        """The ASGI app."""
        methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
        routes = [Route("/{path:path}", self._dispatch, methods=methods)]
        if self._metrics_path is not None:
            routes.insert(0, Route(self._metrics_path, self._metrics, methods=["GET"]))
        return Starlette(routes=routes)

    async def _metrics(self, request: Request) -> Response:
        return Response(self._core.metrics_text(), media_type="text/plain; version=0.0.4")

    async def _dispatch(self, request: Request) -> Response:
        # Percent-decoding comes after the path is taken apart: a name may hold an escaped slash.
        path = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
        try:
            return _json(await self._answer(request, path))
        except ServingError as error:
            return _json(rest_json.render_error(error.message), error.http_status)
        except ClientDisconnect:
            return _json(rest_json.render_error("The client has gone"), 499)
        except Exception as error:  # noqa: BLE001 - the server answers, whatever a handler raised
            # The client gets the kind of failure; the log gets the rest.
            _log.exception("A request failed unexpectedly")
            message = f"Internal error: {type(error).__name__}; the server's log says more"
            return _json(rest_json.render_error(message), 500)

    async def _answer(self, request: Request, path: str) -> bytes:
        if request.method == "POST" and (match := _INFERENCE.fullmatch(path)):
            body = await _body(request)
            method = match["method"].lower()
            return await self._until_disconnect(request, self._infer(method, _model_spec(match), body, request))
        if request.method == "GET" and (match := _STATUS.fullmatch(path)):
            return self._metadata(match) if match["metadata"] else self._status(match)
        if not path.lower().startswith("/v1/"):
            raise ServingError(Code.NOT_FOUND, f"Not found: {path}; the API is under /v1/models")
        raise ServingError(Code.INVALID_ARGUMENT, f"Malformed request: {request.method} {path}")

    async def _infer(self, method: str, spec: model_pb2.ModelSpec, body: bytes, request: Request) -> bytes:
        work, api = {
            "predict": (_predict, "Predict"),
            "classify": (_classify, "Classify"),
            "regress": (_regress, "Regress"),
        }[method]
        call = Call(
            api,
            "REST",
            time.monotonic() + self._timeout_seconds,
            small=len(body) <= _SMALL_BODY_BYTES,
            headers=request.headers.items,
        )
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._core.infer(spec, call, lambda runner: work(runner, spec, body))
        except TimeoutError as error:
            raise ServingError(
                Code.DEADLINE_EXCEEDED, f"The request took longer than {self._timeout_seconds:g} s"
            ) from error
        text, examples = answer.result
        if examples is not None:
            self._core.count_examples(spec.name, examples)
        return text

    async def _until_disconnect(self, request: Request, answering: Any) -> bytes:
        """The answer, unless the client goes first; then the work is cancelled."""
        answer = asyncio.ensure_future(answering)
        # After the body, the next message can only be the disconnect.
        gone = asyncio.ensure_future(request.receive())
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise ClientDisconnect
            return await answer
        finally:
            answer.cancel()
            gone.cancel()

    def _status(self, match: re.Match[str]) -> bytes:
        return _proto_json(self._core.model_status(_model_spec(match)))

    def _metadata(self, match: re.Match[str]) -> bytes:
        response = self._core.model_metadata(_model_spec(match), [SIGNATURE_DEF])
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata[SIGNATURE_DEF].Unpack(signatures)
        # TF Serving writes the packed message's fields without the "@type" that Any's JSON has.
        spec, signature_def = _proto_json(response.model_spec), _proto_json(signatures)
        return b'{\n"model_spec":%b,\n"metadata": {"signature_def": %b}\n}\n' % (spec.strip(), signature_def.strip())


_Work = Callable[[Runner, model_pb2.ModelSpec, bytes], Coroutine[Any, Any, tuple[bytes, int | None]]]


async def _predict(runner: Runner, spec: model_pb2.ModelSpec, body: bytes) -> tuple[bytes, None]:
    parsed = rest_json.parse_body(body)
    name = parsed.signature_name or DEFAULT_SIGNATURE
    signature = runner.signatures.get(name)
    if signature is None:
        raise ServingError(Code.INVALID_ARGUMENT, f'Serving signature name: "{name}" not found in signature def')
    inputs, request_format = rest_json.parse_predict(parsed, signature)
    request = predict_pb2.PredictRequest(model_spec=spec, inputs=inputs)
    request.model_spec.signature_name = name
    return rest_json.render_predict((await inference.predict(runner, request)).outputs, request_format), None


async def _classify(runner: Runner, spec: model_pb2.ModelSpec, body: bytes) -> tuple[bytes, int]:
    parsed = rest_json.parse_body(body)
    request = classification_pb2.ClassificationRequest(model_spec=spec, input=rest_json.parse_examples(parsed))
    request.model_spec.signature_name = parsed.signature_name
    response = await inference.classify(runner, request)
    return rest_json.render_classification(response.result), inference.example_count(request.input)


async def _regress(runner: Runner, spec: model_pb2.ModelSpec, body: bytes) -> tuple[bytes, int]:
    parsed = rest_json.parse_body(body)
    request = regression_pb2.RegressionRequest(model_spec=spec, input=rest_json.parse_examples(parsed))
    request.model_spec.signature_name = parsed.signature_name
    response = await inference.regress(runner, request)
    return rest_json.render_regression(response.result), inference.example_count(request.input)


async def _body(request: Request) -> bytes:
    """The body, unpacked if it is compressed."""
    body = await request.body()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise ServingError(Code.INVALID_ARGUMENT, f"Content-Encoding {encoding[:40]} is not supported, only gzip")
    return await asyncio.to_thread(_gunzip, body)


def _gunzip(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(body, _MAX_UNPACKED_BYTES)
    except zlib.error as error:
        raise ServingError(Code.INVALID_ARGUMENT, f"The body is not gzip: {error}") from error
    if not unpacker.eof:
        limit = f"is cut off, or holds more than {_MAX_UNPACKED_BYTES} bytes"
        raise ServingError(Code.INVALID_ARGUMENT, f"The compressed body {limit}")
    return unpacked


def _model_spec(match: re.Match[str]) -> model_pb2.ModelSpec:
    """The model, version and label of a path."""
    spec = model_pb2.ModelSpec(name=_decoded(match["name"], "model name"))
    if match["version"] is not None:
        version = int(match["version"]) if len(match["version"]) < 20 else 2**63
        if version >= 2**63:
            raise ServingError(Code.INVALID_ARGUMENT, f"Failed to convert version: {match['version'][:40]} to numeric.")
        spec.version.value = version
    if match["label"] is not None:
        spec.version_label = _decoded(match["label"], "model version label")
    return spec


def _decoded(text: str, what: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise ServingError(Code.INVALID_ARGUMENT, f"Failed to decode {what}:{text}") from error


def _proto_json(message: Any) -> bytes:
    text = json_format.MessageToJson(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=1
    )
    return text.encode() + b"\n"


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status_code=status, media_type="application/json")
