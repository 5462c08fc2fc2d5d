"""A Darkroom model's output tensors, read as labels and confidences."""

from __future__ import annotations

import numpy as np

from serving import tensors
from serving.errors import Code, ServingError
from serving.gateway.prediction import ImagePrediction, ScoredClass
from serving.gateway.record import RequestRecord
from serving.protos import classification_pb2, predict_pb2


def note_answer(record: RequestRecord) -> None:
    """Keep each image's most probable class for the metrics, where a Darkroom model or a Classify answered.

    Raises:
        ServingError: the answer's tensors contradict themselves.
    """
    exchange = record.exchange
    if exchange is None or record.code is not None:
        return
    if exchange.method == "Predict":
        _note_predicted(exchange.response, record)
    elif exchange.method == "Classify":
        _note_classified(exchange.response, record)


def _note_predicted(response: predict_pb2.PredictResponse, record: RequestRecord) -> None:
    outputs = response.outputs
    if not {"labels", "probabilities"} <= outputs.keys():
        return
    labels, probabilities = tensors.to_array(outputs["labels"]), tensors.to_array(outputs["probabilities"])
    if labels.ndim != 2 or probabilities.ndim != 2 or not labels.size or not probabilities.size:
        return
    record.predicted = [
        (_text(label), float(confidence))
        for label, confidence in zip(labels[:, 0], probabilities.max(axis=1), strict=False)
    ]


def _note_classified(response: classification_pb2.ClassificationResponse, record: RequestRecord) -> None:
    best = (
        max(found.classes, key=lambda scored: scored.score, default=None) for found in response.result.classifications
    )
    record.predicted = [(scored.label, scored.score) for scored in best if scored is not None]


def read_predictions(
    response: predict_pb2.PredictResponse, top_k: int | None, default_top_k: int, record: RequestRecord
) -> tuple[ImagePrediction, ...]:
    """The answer of a Darkroom model, image by image.

    Raises:
        ServingError: INVALID_ARGUMENT for a top_k above the number of classes; FAILED_PRECONDITION when the model
            answers with other outputs than a Darkroom model's.
    """
    outputs = response.outputs
    count = len(record.images)
    if "value" in outputs:
        values = tensors.to_array(outputs["value"]).reshape(-1)
        if len(values) == count:
            return tuple(
                ImagePrediction(image, (), float(value)) for image, value in zip(record.images, values, strict=True)
            )
    if {"probabilities", "class_ids", "labels"} <= outputs.keys():
        probabilities = tensors.to_array(outputs["probabilities"])
        class_ids = tensors.to_array(outputs["class_ids"])
        labels = tensors.to_array(outputs["labels"])
        same_rows = len(class_ids) == len(probabilities) == count
        if probabilities.ndim == 2 and class_ids.ndim == 2 and class_ids.shape == labels.shape and same_rows:
            offered = class_ids.shape[1]
            if top_k is not None and top_k > offered:
                raise ServingError(
                    Code.INVALID_ARGUMENT,
                    f"top_k must be from 1 to {offered} for model {record.model} version {record.answered_version} "
                    f"({probabilities.shape[1]} classes), got {top_k}",
                )
            kept = min(top_k or default_top_k, offered)
            confidences = np.take_along_axis(probabilities, class_ids, axis=1)
            return tuple(
                ImagePrediction(
                    image,
                    tuple(
                        ScoredClass(_text(labels[row, rank]), int(class_ids[row, rank]), float(confidences[row, rank]))
                        for rank in range(kept)
                    ),
                    None,
                )
                for row, image in enumerate(record.images)
            )
    shapes = ", ".join(
        f"{name} {tensors.dtype_name(tensor.dtype)} {[dim.size for dim in tensor.tensor_shape.dim]}"
        for name, tensor in sorted(outputs.items())
    )
    raise ServingError(
        Code.FAILED_PRECONDITION,
        f"model {record.model} version {record.answered_version} answers {count} images with {shapes or 'nothing'}, "
        "not with Darkroom's probabilities, class_ids and labels, or value; send TF Serving's JSON or gRPC to get "
        "these as they are",
    )


def _text(label: bytes) -> str:
    return label.decode("utf-8", errors="replace")
