"""The client over gRPC: TF Serving's Predict, so it also works against TF Serving itself when a model is named."""

from __future__ import annotations

import json
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serving import tensors
from serving.client.connection import Connection, Tls
from serving.client.errors import BusyError, ImageRefusedError, NotReadyError
from serving.client.prediction import ScoredClass, build_prediction
from serving.client.protocol import Question, Steps
from serving.errors import Code, ServingError
from serving.protos import predict_pb2, prediction_service_pb2_grpc, types_pb2

_DEFAULT_TOP_K = 5
_HEALTH = health_pb2.HealthCheckRequest()

_CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    # Whether to ask again is the client's own decision, which knows the deadline over all its steps.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class GrpcProtocol:
    """The description of each version is asked for once."""

    def __init__(self, connection: Connection) -> None:
        self._address = connection.address
        self._metadata = tuple(connection.authorization.items())
        self._preprocessing_versions: dict[tuple[str, int], str | None] = {}

    def steps(self, question: Question) -> Steps:
        """See `ClientProtocol`."""
        response = yield _request(question.model or "", question.signature_name, "image_bytes", question.images)
        name, version = response.model_spec.name or question.model or "", response.model_spec.version.value
        if (name, version) not in self._preprocessing_versions:
            description = _request(name, "describe", "request", [b""])
            description.model_spec.version.value = version
            try:
                found = _preprocessing_version((yield description), name, version)
            except ServingError as error:
                if error.code not in {Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.NOT_FOUND}:
                    raise
                found = None  # no signature of this name: not one of Darkroom's models
            self._preprocessing_versions[name, version] = found
        preprocessing_version = self._preprocessing_versions[name, version]
        return [
            build_prediction(classes, value, model=name, version=version, preprocessing_version=preprocessing_version)
            for classes, value in _read(response.outputs, question.top_k, len(question.images))
        ]

    def _error(self, error: Any, seconds: float) -> ServingError:
        code, details = Code(error.code().value[0]), error.details() or ""
        trailers = dict(error.trailing_metadata() or ())
        if "x-refusal-reason" in trailers:
            return ImageRefusedError(details, trailers["x-refusal-reason"], int(trailers.get("x-refusal-image", "0")))
        if "x-request-id" not in trailers:
            if code is Code.UNAVAILABLE:
                return ServingError(code, f"the gateway at {self._address} is not reachable: {details}")
            if code is Code.DEADLINE_EXCEEDED:
                return ServingError(code, f"the gateway at {self._address} did not answer within {seconds:g} s")
        wait = str(trailers.get("grpc-retry-pushback-ms", ""))
        return BusyError(code, details, int(wait) / 1000) if wait.isdecimal() else ServingError(code, details)

    def _probed(self, answer: Any) -> None:
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise NotReadyError(f"the gateway at {self._address} is not ready")

    def _not_probed(self, error: Any, seconds: float) -> None:
        # TF Serving itself has no health service; whether its model is loaded, a request shows.
        if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
            raise self._error(error, seconds) from error


class GrpcTransport(GrpcProtocol):
    """Waits."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._channel = (
            grpc.insecure_channel(connection.address, _CHANNEL_OPTIONS)
            if connection.tls is None
            else grpc.secure_channel(connection.address, _credentials(connection.tls), _CHANNEL_OPTIONS)
        )
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def send(self, call: predict_pb2.PredictRequest, seconds: float) -> Any:
        """See `Transport`."""
        try:
            return self._stub.Predict(call, timeout=seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise self._error(error, seconds) from error

    def probe(self, seconds: float) -> None:
        """See `Transport`."""
        try:
            self._probed(health_pb2_grpc.HealthStub(self._channel).Check(_HEALTH, timeout=seconds))
        except grpc.RpcError as error:
            self._not_probed(error, seconds)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


class AsyncGrpcTransport(GrpcProtocol):
    """Awaits. The channel belongs to the event loop of the first request."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._connection = connection
        self._channel: Any = None
        self._stub: Any = None

    async def send(self, call: predict_pb2.PredictRequest, seconds: float) -> Any:
        """See `AsyncTransport`."""
        self._open()
        try:
            return await self._stub.Predict(call, timeout=seconds, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise self._error(error, seconds) from error

    async def probe(self, seconds: float) -> None:
        """See `AsyncTransport`."""
        self._open()
        try:
            self._probed(await health_pb2_grpc.HealthStub(self._channel).Check(_HEALTH, timeout=seconds))
        except grpc.aio.AioRpcError as error:
            self._not_probed(error, seconds)

    def _open(self) -> None:
        if self._channel is None:
            address, tls = self._connection.address, self._connection.tls
            self._channel = (
                grpc.aio.insecure_channel(address, _CHANNEL_OPTIONS)
                if tls is None
                else grpc.aio.secure_channel(address, _credentials(tls), _CHANNEL_OPTIONS)
            )
            self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    async def close(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            await self._channel.close()


def _credentials(tls: Tls) -> Any:
    def content(path: Path | None) -> bytes | None:
        return None if path is None else path.read_bytes()

    return grpc.ssl_channel_credentials(
        content(tls.ca_file or _system_authorities()), content(tls.key_file), content(tls.certificate_file)
    )


def _system_authorities() -> Path | None:
    """The system's authorities, as over REST; gRPC itself would trust a list of its own. None where there is none."""
    found = ssl.get_default_verify_paths().cafile
    return Path(found) if found is not None else None


def _preprocessing_version(response: Any, model: str, version: int) -> str | None:
    """What a model's description says.

    Raises:
        ServingError: INTERNAL for a description that can't be read.
    """
    try:
        found = json.loads(response.outputs["description"].string_val[0])["preprocessing"]["version"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ServingError(
            Code.INTERNAL, f"model {model} version {version} describes itself in a way that can't be read"
        ) from error
    return None if found is None else str(found)


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
