"""gRPC: every service, TF Serving's here. Translates only; `core.py` decides."""

from __future__ import annotations

import grpc
import grpc.aio

from serving.gateway.admin import AdminCalls
from serving.gateway.core import GatewayCore
from serving.gateway.grpc_call import GrpcCalls
from serving.gateway.health import Health
from serving.gateway.message_size import MessageSizes
from serving.gateway.overload.grpc_shedding import GrpcShedding
from serving.gateway.scope import RequestScope
from serving.gateway.security.access import Access
from serving.gateway.security.grpc_guard import GrpcGuard
from serving.gateway.settings import GatewaySettings
from serving.gateway.v2 import grpc_service as v2
from serving.gateway.v2.inference import OpenInference
from serving.grpc_health import HealthService
from serving.protos import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

_HEALTH_SERVICES = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", v2.SERVICE)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """tensorflow.serving.PredictionService."""

    def __init__(self, calls: GrpcCalls, core: GatewayCore) -> None:
        self._calls = calls
        self._core = core

    async def Predict(  # noqa: N802, D102 - names of the protocol
        self, request: predict_pb2.PredictRequest, context: grpc.aio.ServicerContext
    ) -> predict_pb2.PredictResponse:
        return await self._calls.answer("predict", request, context, self._core.predict)

    async def Classify(  # noqa: N802, D102
        self, request: classification_pb2.ClassificationRequest, context: grpc.aio.ServicerContext
    ) -> classification_pb2.ClassificationResponse:
        return await self._calls.answer("classify", request, context, self._core.classify)

    async def Regress(  # noqa: N802, D102
        self, request: regression_pb2.RegressionRequest, context: grpc.aio.ServicerContext
    ) -> regression_pb2.RegressionResponse:
        return await self._calls.answer("regress", request, context, self._core.regress)

    async def MultiInference(  # noqa: N802, D102
        self, request: inference_pb2.MultiInferenceRequest, context: grpc.aio.ServicerContext
    ) -> inference_pb2.MultiInferenceResponse:
        return await self._calls.answer("multi_inference", request, context, self._core.multi_inference)

    async def GetModelMetadata(  # noqa: N802, D102
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.aio.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        return await self._calls.answer("metadata", request, context, self._core.metadata)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """tensorflow.serving.ModelService."""

    def __init__(self, calls: GrpcCalls, core: GatewayCore, admin: AdminCalls) -> None:
        self._calls = calls
        self._core = core
        self._admin = admin

    async def GetModelStatus(  # noqa: N802, D102
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.aio.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        return await self._calls.answer("status", request, context, self._core.status)

    async def HandleReloadConfigRequest(  # noqa: N802, D102
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.aio.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        return await self._calls.answer("reload", request, context, self._admin.reload_config)


def build_grpc_server(
    settings: GatewaySettings,
    core: GatewayCore,
    scope: RequestScope,
    health: Health,
    *,
    admin: AdminCalls,
    access: Access | None,
    shedding: GrpcShedding,
) -> grpc.aio.Server:
    """A server with every service, behind `access` where there is one; not bound and not started."""
    calls = GrpcCalls(settings, scope)
    server = grpc.aio.server(
        interceptors=(shedding, MessageSizes(), *(() if access is None else (GrpcGuard(access, calls),))),
        options=[
            ("grpc.max_receive_message_length", settings.max_request_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.server_handshake_timeout_ms", int(settings.head_timeout_seconds * 1000)),
            # Two gateways on one port would share its connections without anybody noticing.
            ("grpc.so_reuseport", 0),
        ],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(calls, core), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(calls, core, admin), server)
    v2.InferenceService(calls, OpenInference(core), health).add_to(server)
    HealthService(lambda: health.readiness().ready, _HEALTH_SERVICES).add_to(server)
    return server
