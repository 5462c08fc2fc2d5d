"""gRPC reflection, so that grpcurl and its like can list and call the services."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection

from serving import grpc_health
from serving.model_server.grpc_adapter import MODEL_SERVICE, PREDICTION_SERVICE
from serving.protos import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

# Service -> method -> (request, response), as in prediction_service.proto and model_service.proto. The package ships
# the first without a descriptor, and one of the second that today's protobuf refuses to import.
_SERVICES: dict[str, dict[str, tuple[Any, Any]]] = {
    PREDICTION_SERVICE: {
        "Classify": (classification_pb2.ClassificationRequest, classification_pb2.ClassificationResponse),
        "Regress": (regression_pb2.RegressionRequest, regression_pb2.RegressionResponse),
        "Predict": (predict_pb2.PredictRequest, predict_pb2.PredictResponse),
        "MultiInference": (inference_pb2.MultiInferenceRequest, inference_pb2.MultiInferenceResponse),
        "GetModelMetadata": (
            get_model_metadata_pb2.GetModelMetadataRequest,
            get_model_metadata_pb2.GetModelMetadataResponse,
        ),
    },
    MODEL_SERVICE: {
        "GetModelStatus": (get_model_status_pb2.GetModelStatusRequest, get_model_status_pb2.GetModelStatusResponse),
        "HandleReloadConfigRequest": (
            model_management_pb2.ReloadConfigRequest,
            model_management_pb2.ReloadConfigResponse,
        ),
    },
}


def add_reflection(server: Any) -> None:
    """Let a `grpc.aio` server describe the model server's services."""
    for service in _SERVICES:
        _describe(service)
    reflection.enable_server_reflection((*_SERVICES, grpc_health.SERVICE_NAME, reflection.SERVICE_NAME), server)


def _describe(full_name: str) -> None:
    """Put a service's descriptor into the default pool, where the messages are."""
    pool = descriptor_pool.Default()
    package, _, name = full_name.rpartition(".")
    file_name = f"darkroom/{full_name}.proto"
    try:
        pool.FindFileByName(file_name)
    except KeyError:
        file = descriptor_pb2.FileDescriptorProto(name=file_name, package=package, syntax="proto3")
        service = file.service.add(name=name)
        for method, (request, response) in _SERVICES[full_name].items():
            service.method.add(
                name=method,
                input_type=f".{request.DESCRIPTOR.full_name}",
                output_type=f".{response.DESCRIPTOR.full_name}",
            )
            for message in (request, response):
                if message.DESCRIPTOR.file.name not in file.dependency:
                    file.dependency.append(message.DESCRIPTOR.file.name)
        pool.AddSerializedFile(file.SerializeToString())
