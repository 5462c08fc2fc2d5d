"""One question, an image, in every form and over every protocol that the gateway takes; the answer is the version."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import grpc
import httpx

from serving import tensors
from serving.gateway.v2 import open_inference_pb2 as v2
from serving.protos import classification_pb2, predict_pb2, prediction_service_pb2_grpc
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import RunningGateway

TEXT = base64.b64encode(RED).decode()


def _rest(gateway: RunningGateway, path: str, headers: dict[str, str], **body: Any) -> Any:
    answer = httpx.post(f"{gateway.url}{path}", headers=headers, timeout=20, verify=False, **body)
    answer.raise_for_status()
    return answer.json()


def image_body(gateway: RunningGateway, **headers: str) -> int:
    document = _rest(gateway, "/v1/models/pets:predict", {"content-type": "image/png", **headers}, content=RED)
    return int(document["model"]["version"])


def tf_serving_json(gateway: RunningGateway, **headers: str) -> int:
    accept = {"accept": "application/vnd.darkroom.predictions+json"}
    document = _rest(gateway, "/v1/models/pets:predict", {**accept, **headers}, json={"instances": [{"b64": TEXT}]})
    return int(document["model"]["version"])


def open_inference(gateway: RunningGateway, **headers: str) -> int:
    tensor = {
        **{"name": "image_bytes", "datatype": "BYTES", "shape": [1], "data": [TEXT]},
        "parameters": {"content_type": "base64"},
    }
    return int(_rest(gateway, "/v2/models/pets/infer", headers, json={"inputs": [tensor]})["model_version"])


def grpc_predict(gateway: RunningGateway, **metadata: str) -> int:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "pets"
    request.inputs["image_bytes"].CopyFrom(tensors.to_proto([RED]))
    with grpc.insecure_channel(gateway.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return int(stub.Predict(request, timeout=20, metadata=tuple(metadata.items())).model_spec.version.value)


def grpc_classify(gateway: RunningGateway, **metadata: str) -> int:
    request = classification_pb2.ClassificationRequest()
    example = request.input.example_list.examples.add()
    example.features.feature["image/encoded"].bytes_list.value.append(RED)
    with grpc.insecure_channel(gateway.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return int(stub.Classify(request, timeout=20, metadata=tuple(metadata.items())).model_spec.version.value)


def grpc_open_inference(gateway: RunningGateway, **metadata: str) -> int:
    request = v2.ModelInferRequest(model_name="pets")
    tensor = request.inputs.add(name="image_bytes", datatype="BYTES", shape=[1])
    tensor.contents.bytes_contents.append(RED)
    with grpc.insecure_channel(gateway.grpc) as channel:
        infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=v2.ModelInferRequest.SerializeToString,
            response_deserializer=v2.ModelInferResponse.FromString,
        )
        return int(infer(request, timeout=20, metadata=tuple(metadata.items())).model_version)


EVERY_WAY: tuple[Callable[..., int], ...] = (
    image_body,
    tf_serving_json,
    open_inference,
    grpc_predict,
    grpc_classify,
    grpc_open_inference,
)
