"""The client over gRPC: TF Serving's Predict, so it also works against TF Serving itself when a model is named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import grpc

from serving import tensors
from serving.client.errors import ImageRefusedError
from serving.client.prediction import Prediction, ScoredClass, build_prediction
from serving.errors import Code, ServingError
from serving.protos import predict_pb2, prediction_service_pb2_grpc, types_pb2

_DEFAULT_TOP_K = 5


class GrpcTransport:
    """One channel; the description of each version is asked for once."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_send_message_length", -1),
                ("grpc.max_receive_message_length", -1),
                ("grpc.enable_http_proxy", 0),
            ],
        )
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._preprocessing_versions: dict[tuple[str, int], str | None] = {}

    def predict(
        self, images: Sequence[bytes], *, model: str | None, top_k: int | None, signature_name: str, timeout: float
    ) -> list[Prediction]:
        """See `Transport`."""
        response = self._call(_request(model or "", signature_name, "image_bytes", images), timeout)
        name, version = response.model_spec.name or model or "", response.model_spec.version.value
        preprocessing_version = self._preprocessing_version(name, version, timeout)
        return [
            build_prediction(classes, value, model=name, version=version, preprocessing_version=preprocessing_version)
            for classes, value in _read(response.outputs, top_k, len(images))
        ]

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _preprocessing_version(self, model: str, version: int, timeout: float) -> str | None:
        key = (model, version)
        if key not in self._preprocessing_versions:
            request = _request(model, "describe", "request", [b""])
            request.model_spec.version.value = version
            try:
                text = self._call(request, timeout).outputs["description"].string_val[0]
                found = json.loads(text)["preprocessing"]["version"]
            except ServingError as error:
                if error.code not in {Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.NOT_FOUND}:
                    raise
                found = None  # no signature of this name: not one of Darkroom's models
            except (ValueError, KeyError, IndexError, TypeError) as error:
                raise ServingError(
                    Code.INTERNAL, f"model {model} version {version} describes itself in a way that can't be read"
                ) from error
            self._preprocessing_versions[key] = found
        return self._preprocessing_versions[key]

    def _call(self, request: predict_pb2.PredictRequest, timeout: float) -> Any:
        try:
            return self._stub.Predict(request, timeout=timeout)
        except grpc.RpcError as error:
            raise self._error(error, timeout) from error

    def _error(self, error: Any, timeout: float) -> ServingError:
        code, details = Code(error.code().value[0]), error.details() or ""
        trailers = dict(error.trailing_metadata() or ())
        if "x-refusal-reason" in trailers:
            return ImageRefusedError(details, trailers["x-refusal-reason"], int(trailers.get("x-refusal-image", "0")))
        if code is Code.UNAVAILABLE and "x-request-id" not in trailers:
            return ServingError(code, f"the gateway at {self._address} is not reachable: {details}")
        if code is Code.DEADLINE_EXCEEDED and "x-request-id" not in trailers:
            return ServingError(code, f"the gateway at {self._address} did not answer within {timeout:g} s")
        return ServingError(code, details)


def _request(model: str, signature_name: str, name: str, values: Sequence[bytes]) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature_name
    tensor = request.inputs[name]
    tensor.dtype = types_pb2.DT_STRING
    tensor.tensor_shape.dim.add(size=len(values))
    tensor.string_val.extend(values)
    return request


def _read(outputs: Any, top_k: int | None, count: int) -> list[tuple[tuple[ScoredClass, ...], float | None]]:
    """For each image its classes, or its value.

    Raises:
        ServingError: INVALID_ARGUMENT for a top_k out of range; FAILED_PRECONDITION for another model's outputs.
    """
    if "value" in outputs:
        return [((), float(value)) for value in tensors.to_array(outputs["value"]).reshape(-1)]
    if not {"probabilities", "class_ids", "labels"} <= outputs.keys():
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"the model answers with {', '.join(sorted(outputs)) or 'nothing'}, not as Darkroom's models do",
        )
    probabilities, class_ids, labels = (
        tensors.to_array(outputs[name]) for name in ("probabilities", "class_ids", "labels")
    )
    offered = class_ids.shape[1]
    if top_k is not None and not 1 <= top_k <= offered:
        raise ServingError(Code.INVALID_ARGUMENT, f"top_k must be from 1 to {offered}, got {top_k}")
    kept = min(top_k or _DEFAULT_TOP_K, offered)
    return [
        (
            tuple(
                ScoredClass(
                    labels[row, rank].decode(errors="replace"),
                    int(class_ids[row, rank]),
                    float(probabilities[row, class_ids[row, rank]]),
                )
                for rank in range(kept)
            ),
            None,
        )
        for row in range(count)
    ]
