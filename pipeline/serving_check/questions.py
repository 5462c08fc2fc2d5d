"""What a model server is asked, over gRPC and over REST."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import grpc
import httpx
import numpy as np

from serving import tensors
from serving.protos import predict_pb2, prediction_service_pb2_grpc

_SECONDS = 60.0
_SIGNATURE = "serving_default"
_UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]

# An image's beginning: its format is plain, and nothing else is there.
_HEADER_BYTES = 20


class Questions:
    """A client of one model, over both protocols. Use as a context manager."""

    def __init__(self, model_name: str, output: str, grpc_address: str, rest_address: str) -> None:
        """`output` is the key of the prediction among the signature's outputs."""
        self._model_name = model_name
        self._output = output
        self._url = f"http://{rest_address}/v1/models/{model_name}:predict"
        self._grpc_address = grpc_address
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        channel = self._stack.enter_context(grpc.insecure_channel(self._grpc_address, options=_UNLIMITED))
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        # Reading the system's certificates for plain HTTP would be most of a request's time.
        self._http = self._stack.enter_context(httpx.Client(timeout=_SECONDS, verify=False))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def over_grpc(self, images: Sequence[bytes]) -> tuple[np.ndarray, float]:
        """The predictions `[N, …]` for encoded images, and the seconds that the answer took.

        Raises:
            grpc.RpcError: the server refused or failed.
        """
        request = self._request(np.array(images, dtype=object))
        started = time.monotonic()
        answer = self._stub.Predict(request, timeout=_SECONDS)
        return np.asarray(tensors.to_array(answer.outputs[self._output])), time.monotonic() - started

    def over_rest(self, images: Sequence[bytes]) -> np.ndarray:
        """The predictions `[N, …]` for encoded images.

        Raises:
            httpx.HTTPError: the server refused or failed.
        """
        instances = [{"image_bytes": {"b64": base64.b64encode(image).decode()}} for image in images]
        answer = self._http.post(self._url, json={"signature_name": _SIGNATURE, "instances": instances})
        answer.raise_for_status()
        rows = answer.json()["predictions"]
        # TF Serving leaves the key out where a signature has one output.
        return np.array([row[self._output] if isinstance(row, dict) else row for row in rows])

    def description(self) -> bytes:
        """What the graph says of itself (signature `describe`).

        Raises:
            grpc.RpcError: the server refused or failed.
        """
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = self._model_name, "describe"
        request.inputs["request"].CopyFrom(tensors.to_proto(np.array([b""], dtype=object)))
        answer = self._stub.Predict(request, timeout=_SECONDS)
        return bytes(tensors.to_array(answer.outputs["description"])[0])

    def malformed(self, image: bytes) -> dict[str, str | None]:
        """For each kind of malformed input: the error that it got, None when it was answered like an image."""
        found: dict[str, str | None] = {}
        for kind, data in {
            "no bytes": b"",
            "text": b"this is no image",
            "an image's first bytes": image[:_HEADER_BYTES],
        }.items():
            found[f"{kind} over gRPC"] = self._grpc_error(np.array([data], dtype=object))
            found[f"{kind} over REST"] = self._rest_error({"instances": [{"b64": base64.b64encode(data).decode()}]})
        found["numbers in place of bytes over gRPC"] = self._grpc_error(np.zeros((1, 2), np.float32))
        found["numbers in place of bytes over REST"] = self._rest_error({"instances": [1.5]})
        return found

    def _grpc_error(self, images: Any) -> str | None:
        try:
            self._stub.Predict(self._request(images), timeout=_SECONDS)
        except grpc.RpcError as error:
            return str(error.code().name)
        return None

    def _rest_error(self, body: dict[str, Any]) -> str | None:
        try:
            answer = self._http.post(self._url, json=body)
        except httpx.TransportError as error:
            return f"{type(error).__name__}: the connection broke"
        return str(answer.status_code) if answer.status_code >= httpx.codes.BAD_REQUEST else None

    def _request(self, images: Any) -> predict_pb2.PredictRequest:
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = self._model_name, _SIGNATURE
        request.inputs["image_bytes"].CopyFrom(tensors.to_proto(images))
        return request
