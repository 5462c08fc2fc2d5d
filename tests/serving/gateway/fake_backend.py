"""A scripted stand-in for TF Serving, for what a real one does not do on demand: be slow, fail, change its mind."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np

from serving import tensors
from serving.protos import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    types_pb2,
)

LABELS = ("cat", "dog")


class FakeBackend(prediction_service_pb2_grpc.PredictionServiceServicer, model_service_pb2_grpc.ModelServiceServicer):
    """Model `pets`, version 1 until told otherwise; answers "cat" with 0.75 to everything.

    `before_predict` runs before each answer and may sleep or abort. With `loaded` it has these versions and no other,
    each with the scores in `scores` where it has an entry; `labels` name versions.
    """

    def __init__(self) -> None:
        self.version = 1
        self.loaded: set[int] = set()
        self.labels: dict[str, int] = {}
        self.scores: dict[int, tuple[float, float]] = {}
        self.available = True
        self.describes = True
        self.described: dict[str, Any] = {}
        self.before_predict: Callable[[Any, grpc.ServicerContext], None] = lambda request, context: None
        self.signatures = {"serving_default": {"image_bytes": types_pb2.DT_STRING}}
        self.requests: list[predict_pb2.PredictRequest] = []
        self.seconds_left: list[float] = []
        self.cancelled = threading.Event()
        self.calls: list[str] = []
        self._lock = threading.Lock()
        self._answering_status = threading.Event()
        self._answering_status.set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self, port: int = 0, credentials: grpc.ServerCredentials | None = None) -> None:
        self._server = grpc.server(
            ThreadPoolExecutor(32),
            options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)],
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(self, self._server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(self, self._server)
        if credentials is None:
            self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        else:
            self.port = self._server.add_secure_port(f"127.0.0.1:{port}", credentials)
        self.address = f"127.0.0.1:{self.port}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def hang(self) -> threading.Event:
        """Let every GetModelStatus wait until the event that is returned is set."""
        self._answering_status = threading.Event()
        return self._answering_status

    def sleep(self, seconds: float) -> None:
        """Let every Predict take this long, or until its client is gone."""

        def wait(request: Any, context: grpc.ServicerContext) -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                if not context.is_active():
                    self.cancelled.set()
                    return
                time.sleep(0.01)

        self.before_predict = wait

    def answers(self) -> Counter[int]:
        """How many requests each version got."""
        with self._lock:
            return Counter(self.version_of(request.model_spec) for request in self.requests)

    def version_of(self, spec: Any, context: Any = None) -> int:
        """The version that answers, as TF Serving chooses it; aborts the call when it is not there."""
        if not self.loaded:
            return self.version
        if spec.version_label:
            if spec.version_label not in self.labels:
                context.abort(
                    grpc.StatusCode.INVALID_ARGUMENT, f"Unrecognized servable version label: {spec.version_label}"
                )
            return self.labels[spec.version_label]
        version = spec.version.value if spec.HasField("version") else max(self.loaded)
        if context is not None and version not in self.loaded:
            context.abort(
                grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Specific({spec.name}, {version})"
            )
        return version

    def Predict(self, request, context):  # noqa: N802
        response = predict_pb2.PredictResponse()
        response.model_spec.name = request.model_spec.name
        version = self.version_of(request.model_spec, context)
        response.model_spec.version.value = version
        if request.model_spec.signature_name == "describe":
            self.calls.append("describe")
            document = {
                "format_version": 1,
                "task": "multiclass",
                "labels": LABELS,
                "preprocessing": {"version": "1-fake"},
                **self.described,
            }
            response.outputs["description"].CopyFrom(tensors.to_proto([json.dumps(document)]))
            return response
        with self._lock:
            self.requests.append(request)
        self.seconds_left.append(context.time_remaining())
        self.before_predict(request, context)
        if request.model_spec.name != "pets":
            context.abort(
                grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({request.model_spec.name})"
            )
        count = next(iter(request.inputs.values())).tensor_shape.dim[0].size
        scores = self.scores.get(version, (0.75, 0.25))
        ranked = [0, 1] if scores[0] >= scores[1] else [1, 0]
        response.outputs["probabilities"].CopyFrom(tensors.to_proto(np.tile(np.float32(scores), (count, 1))))
        response.outputs["class_ids"].CopyFrom(tensors.to_proto(np.tile(np.int64(ranked), (count, 1))))
        response.outputs["labels"].CopyFrom(tensors.to_proto([[LABELS[index] for index in ranked]] * count))
        return response

    def Classify(self, request, context):  # noqa: N802
        response = classification_pb2.ClassificationResponse()
        version = self.version_of(request.model_spec, context)
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = version
        for _ in request.input.example_list.examples:
            found = response.result.classifications.add().classes
            for label, score in zip(LABELS, self.scores.get(version, (0.75, 0.25)), strict=True):
                found.add(label=label, score=score)
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        self.calls.append("metadata")
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = self.version_of(request.model_spec, context)
        packed = get_model_metadata_pb2.SignatureDefMap()
        for name, inputs in {**self.signatures, **({"describe": {"request": 7}} if self.describes else {})}.items():
            for key, dtype in inputs.items():
                packed.signature_def[name].inputs[key].dtype = dtype
        response.metadata["signature_def"].Pack(packed)
        return response

    def GetModelStatus(self, request, context):  # noqa: N802
        self._answering_status.wait(5)
        response = get_model_status_pb2.GetModelStatusResponse()
        state = get_model_status_pb2.ModelVersionStatus
        for version in sorted(self.loaded) or [self.version]:
            response.model_version_status.add(
                version=version, state=state.AVAILABLE if self.available else state.LOADING
            ).status.SetInParent()
        return response
