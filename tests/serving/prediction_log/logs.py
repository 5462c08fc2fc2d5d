"""Prediction logs as the gateway and as TF Serving write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serving import tensors
from serving.prediction_log.tfrecord import frame
from serving.protos import example_pb2, prediction_log_pb2


def example(image: bytes) -> example_pb2.Example:
    made = example_pb2.Example()
    made.features.feature["image/encoded"].bytes_list.value.append(image)
    made.features.feature["image/filename"].bytes_list.value.append(b"cat.png")
    return made


def predict_log(
    images: Sequence[bytes],
    confidences: Sequence[float] = (),
    *,
    labels: Sequence[str] = ("cat", "dog"),
    input_name: str = "image_bytes",
    request_id: str = "",
    version: int = 3,
    time: int = 0,
    rate: float = 0.0,
    **outputs: Any,
) -> prediction_log_pb2.PredictionLog:
    """A Predict log; the first of `labels` has the confidence, where that is above a half."""
    entry = prediction_log_pb2.PredictionLog()
    log = entry.predict_log
    log.request.model_spec.name = "pets"
    log.request.inputs[input_name].CopyFrom(tensors.to_proto(list(images)))
    log.response.model_spec.name = "pets"
    log.response.model_spec.version.value = version
    if confidences:
        probabilities = np.float32([[value, 1 - value] for value in confidences])
        order = np.argsort(-probabilities, axis=1)
        outputs = {
            "probabilities": probabilities,
            "class_ids": order.astype(np.int64),
            "labels": [[labels[place] for place in row] for row in order],
        }
    for name, value in outputs.items():
        log.response.outputs[name].CopyFrom(tensors.to_proto(value))
    entry.log_metadata.request_origin = request_id
    entry.log_metadata.timestamp_secs = time
    entry.log_metadata.sampling_config.sampling_rate = rate
    return entry


def write_log(path: Path, *entries: prediction_log_pb2.PredictionLog) -> Path:
    path.write_bytes(b"".join(frame(entry.SerializeToString()) for entry in entries))
    return path
