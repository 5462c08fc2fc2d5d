"""The protocol over gRPC: inference.GRPCInferenceService."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.metadata import version as installed_version
from typing import Any

import grpc

from serving.errors import Code, ServingError
from serving.gateway.grpc_call import GrpcCalls
from serving.gateway.health import Health
from serving.gateway.record import RequestRecord
from serving.gateway.v2 import open_inference_pb2 as pb
from serving.gateway.v2.grpc_tensors import request_from_proto, response_to_proto
from serving.gateway.v2.inference import EXTENSIONS, PLATFORM, SERVER_NAME, OpenInference

SERVICE = "inference.GRPCInferenceService"


class InferenceService:
    """Its six methods, each named as in the protocol."""

    def __init__(self, calls: GrpcCalls, inference: OpenInference, health: Health) -> None:
        self._calls = calls
        self._inference = inference
        self._health = health

    def add_to(self, server: Any) -> None:
        """Serve the methods on a `grpc.aio` server."""
        methods: dict[str, tuple[Callable[[Any, Any], Awaitable[Any]], Any, Any]] = {
            "ServerLive": (self._server_live, pb.ServerLiveRequest, pb.ServerLiveResponse),
            "ServerReady": (self._server_ready, pb.ServerReadyRequest, pb.ServerReadyResponse),
            "ModelReady": (self._model_ready, pb.ModelReadyRequest, pb.ModelReadyResponse),
            "ServerMetadata": (self._server_metadata, pb.ServerMetadataRequest, pb.ServerMetadataResponse),
            "ModelMetadata": (self._model_metadata, pb.ModelMetadataRequest, pb.ModelMetadataResponse),
            "ModelInfer": (self._model_infer, pb.ModelInferRequest, pb.ModelInferResponse),
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                method, request_deserializer=request.FromString, response_serializer=response.SerializeToString
            )
            for name, (method, request, response) in methods.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    async def _server_live(self, request: pb.ServerLiveRequest, context: Any) -> pb.ServerLiveResponse:
        del request, context
        return pb.ServerLiveResponse(live=True)

    async def _server_ready(self, request: pb.ServerReadyRequest, context: Any) -> pb.ServerReadyResponse:
        del request, context
        return pb.ServerReadyResponse(ready=self._health.readiness().ready)

    async def _server_metadata(self, request: pb.ServerMetadataRequest, context: Any) -> pb.ServerMetadataResponse:
        del request, context
        return pb.ServerMetadataResponse(name=SERVER_NAME, version=installed_version("darkroom"), extensions=EXTENSIONS)

    async def _model_ready(self, request: pb.ModelReadyRequest, context: Any) -> pb.ModelReadyResponse:
        async def answer(request: pb.ModelReadyRequest, record: RequestRecord) -> pb.ModelReadyResponse:
            try:
                ready = await self._inference.ready(request.name, request.version, record)
            except ServingError as error:
                # Triton's clients ask this of models that may not be there, and want a no.
                if error.code is not Code.NOT_FOUND:
                    raise
                ready = False
            return pb.ModelReadyResponse(ready=ready)

        return await self._calls.answer("status", request, context, answer)

    async def _model_metadata(self, request: pb.ModelMetadataRequest, context: Any) -> pb.ModelMetadataResponse:
        async def answer(request: pb.ModelMetadataRequest, record: RequestRecord) -> pb.ModelMetadataResponse:
            found = await self._inference.describe(request.name, request.version, record)
            message = pb.ModelMetadataResponse(
                name=found.model, versions=[str(version) for version in found.versions], platform=PLATFORM
            )
            for tensors, target in ((found.inputs, message.inputs), (found.outputs, message.outputs)):
                for tensor in tensors:
                    target.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
            return message

        return await self._calls.answer("metadata", request, context, answer)

    async def _model_infer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        async def answer(request: pb.ModelInferRequest, record: RequestRecord) -> pb.ModelInferResponse:
            found = await self._inference.infer(request_from_proto(request), record)
            return response_to_proto(found, request_id=request.id, raw=bool(request.raw_input_contents))

        return await self._calls.answer("infer", request, context, answer)
