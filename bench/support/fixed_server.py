"""A model server whose capacity is known: so many requests at once, each as long as the others.

    python bench/support/fixed_server.py --slots 4 --milliseconds 100

Prints its gRPC port. More requests wait in a queue without end, as in front of a model.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

import grpc.aio
import numpy as np
import uvloop

from serving import tensors
from serving.protos import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    types_pb2,
)


class FixedServer(prediction_service_pb2_grpc.PredictionServiceServicer, model_service_pb2_grpc.ModelServiceServicer):
    """Model `pets`, version 1."""

    def __init__(self, slots: int, seconds: float) -> None:
        self._slots = asyncio.Semaphore(slots)
        self._seconds = seconds
        self._answer = predict_pb2.PredictResponse()
        self._answer.model_spec.name = "pets"
        self._answer.model_spec.version.value = 1
        outputs = self._answer.outputs
        outputs["probabilities"].CopyFrom(tensors.to_proto(np.float32([[0.75, 0.25]])))
        outputs["class_ids"].CopyFrom(tensors.to_proto(np.int64([[0, 1]])))
        outputs["labels"].CopyFrom(tensors.to_proto([["cat", "dog"]]))

    async def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        """One image's prediction."""
        async with self._slots:
            await asyncio.sleep(self._seconds)
        return self._answer

    async def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        """One signature of images."""
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.CopyFrom(self._answer.model_spec)
        packed = get_model_metadata_pb2.SignatureDefMap()
        packed.signature_def["serving_default"].inputs["image_bytes"].dtype = types_pb2.DT_STRING
        response.metadata["signature_def"].Pack(packed)
        return response

    async def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Available."""
        response = get_model_status_pb2.GetModelStatusResponse()
        response.model_version_status.add(version=1, state=get_model_status_pb2.ModelVersionStatus.AVAILABLE)
        return response


async def serve(slots: int, seconds: float) -> None:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    service = FixedServer(slots, seconds)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--milliseconds", type=float, default=100.0)
    options = parser.parse_args()
    uvloop.run(serve(options.slots, options.milliseconds / 1000))
