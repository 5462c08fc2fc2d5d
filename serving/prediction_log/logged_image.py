"""The images in a prediction log, each with what the model said about it.

Reads what Darkroom's gateway writes and what TF Serving's own request logging writes: images as string inputs of
Predict, or inside tf.Examples, as an input of Predict or as those of Classify, Regress and MultiInference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from preprocessing.images.sniffing import sniff_format
from serving import tensors
from serving.errors import ServingError
from serving.prediction_log.entry import LOG_FIELDS
from serving.protos import example_pb2, input_pb2, predict_pb2, prediction_log_pb2, types_pb2

# The feature that holds an encoded image in a tf.Example (DESIGN.md, contract 1).
_EXAMPLE_IMAGE = "image/encoded"
# What the gateway lets into its log as a request id; anything else in that field isn't one.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
# Names under which classifiers answer their classes and how probable these are: Darkroom's, and Classify's.
_SCORES = ("probabilities", "scores")
_NAMES = ("labels", "classes")


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a model said about one image.

    Attributes:
        label: the most probable class, or its number where the answer has no names; None for a regression.
        confidence: its probability; None where the answer has none.
        value: a regression's answer.
    """

    label: str | None = None
    confidence: float | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class LoggedImage:
    """One image of a logged request.

    Attributes:
        image: encoded.
        opinion: None where the answer can't be read as one for each image.
        version: that answered, or that was asked for; None where the log has none.
        time: ISO 8601, UTC, to the second; empty where the log has none.
        request_id: empty where the log has none.
        is_sampled: whether the request was chosen at random, so that it stands for the traffic.
    """

    image: bytes
    opinion: Opinion | None
    model: str
    version: int | None
    time: str
    request_id: str
    is_sampled: bool


def read_logged_images(record: bytes) -> Iterator[LoggedImage]:
    """The images in one record of a prediction log; none for a request without images.

    Raises:
        ValueError: the record is no PredictionLog, or contradicts itself.
    """
    try:
        entry = prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError as error:
        raise ValueError(f"this is no tensorflow.serving.PredictionLog ({error})") from error
    kind = entry.WhichOneof("log_type")
    if kind is None:
        raise ValueError("the PredictionLog has neither request nor answer; is this another kind of TFRecord?")
    if kind not in LOG_FIELDS.values():
        return  # session runs and streams have no images in a form that is known
    log = getattr(entry, kind)
    try:
        if kind == "predict_log":
            images, opinions = _images_of_predict(log.request), _opinions_of_predict(log.response)
        else:
            images, opinions = _images_of_input(log.request.input), _opinions_of_examples(kind, log.response)
    except ServingError as error:
        raise ValueError(f"a tensor in the PredictionLog contradicts itself: {error.message}") from error
    metadata = entry.log_metadata
    spec = _spec(entry, log, kind)
    when = datetime.fromtimestamp(metadata.timestamp_secs, UTC).isoformat() if metadata.timestamp_secs > 0 else ""
    for index, image in enumerate(images):
        yield LoggedImage(
            image=image,
            opinion=opinions[index] if len(opinions) == len(images) else None,
            model=spec.name,
            version=spec.version.value if spec.HasField("version") else None,
            time=when,
            request_id=metadata.request_origin if _REQUEST_ID.fullmatch(metadata.request_origin) else "",
            is_sampled=metadata.sampling_config.sampling_rate > 0,
        )


def _spec(entry: prediction_log_pb2.PredictionLog, log: Any, kind: str) -> Any:
    """The model that answered: as the log's metadata say, else as the answer or the request does."""
    asked = log.request.tasks[0] if kind == "multi_inference_log" and log.request.tasks else log.request
    candidates = [entry.log_metadata.model_spec]
    candidates += [message.model_spec for message in (log.response, asked) if hasattr(message, "model_spec")]
    return next((spec for spec in candidates if spec.HasField("version")), candidates[-1])


def _images_of_predict(request: predict_pb2.PredictRequest) -> list[bytes]:
    """The images of the one string input that has any, or those in its tf.Examples."""
    for _, tensor in sorted(request.inputs.items()):
        if tensor.dtype != types_pb2.DT_STRING:
            continue
        values = [bytes(value) for value in tensors.to_array(tensor).reshape(-1).tolist()]
        if any(sniff_format(value) is not None for value in values):
            return values
        images = [_image_of_serialized(value) for value in values]
        if any(images):
            return images
    return []


def _image_of_serialized(value: bytes) -> bytes:
    """The image in a serialised tf.Example; empty where it is none."""
    try:
        return _image_of_example(example_pb2.Example.FromString(value))
    except DecodeError:
        return b""


def _images_of_input(examples: input_pb2.Input) -> list[bytes]:
    kind = examples.WhichOneof("kind")
    return [] if kind is None else [_image_of_example(example) for example in getattr(examples, kind).examples]


def _image_of_example(example: example_pb2.Example) -> bytes:
    features = example.features.feature
    values = features[_EXAMPLE_IMAGE].bytes_list.value if _EXAMPLE_IMAGE in features else ()
    return bytes(values[0]) if values else b""


def _opinions_of_predict(response: predict_pb2.PredictResponse) -> list[Opinion]:
    outputs = response.outputs
    if "value" in outputs:
        return [Opinion(value=float(value)) for value in tensors.to_array(outputs["value"]).reshape(-1)]
    scores = next((tensors.to_array(outputs[name]) for name in _SCORES if name in outputs), None)
    if scores is None or scores.ndim != 2 or not scores.size or scores.dtype.kind != "f":
        return []
    names = next((tensors.to_array(outputs[name]) for name in _NAMES if name in outputs), None)
    if names is not None and (names.ndim != 2 or len(names) != len(scores) or names.dtype != object):
        names = None
    # Darkroom's `labels` are ordered by rank, Classify's `classes` stand beside their scores.
    is_ranked = "labels" in outputs
    return [
        Opinion(_label(None if names is None else names[row], int(best), is_ranked), float(scores[row, best]))
        for row, best in enumerate(np.argmax(scores, axis=1))
    ]


def _label(names: Any, best: int, is_ranked: bool) -> str:
    place = 0 if is_ranked else best
    if names is None or place >= len(names):
        return str(best)
    return bytes(names[place]).decode("utf-8", errors="replace")


def _opinions_of_examples(kind: str, response: Any) -> list[Opinion]:
    if kind == "multi_inference_log":
        results = {found.WhichOneof("result"): found for found in reversed(response.results)}
        classified = getattr(results.get("classification_result"), "classification_result", None)
        regressed = getattr(results.get("regression_result"), "regression_result", None)
    else:
        classified = response.result if kind == "classify_log" else None
        regressed = response.result if kind == "regress_log" else None
    if classified is not None:
        best = [max(one.classes, key=lambda scored: scored.score, default=None) for one in classified.classifications]
        return [Opinion() if scored is None else Opinion(scored.label, float(scored.score)) for scored in best]
    return [] if regressed is None else [Opinion(value=float(found.value)) for found in regressed.regressions]
