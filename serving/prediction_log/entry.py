"""One answered request as a `PredictionLog`.

Everything stands in fields that TF Serving's own protos have, so any reader of prediction logs reads these:
`log_metadata.model_spec` names the version that answered, `timestamp_secs` the time, `request_origin` holds the request
id that the client, the gateway's log lines and its traces share, and `sampling_config.sampling_rate` is set only on
requests that were chosen at random. Those alone are a fair sample of the traffic; the others were kept because of their
low confidence.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from serving.protos import prediction_log_pb2

# Method of PredictionService -> the member of PredictionLog that holds it.
LOG_FIELDS = {
    "Predict": "predict_log",
    "Classify": "classify_log",
    "Regress": "regress_log",
    "MultiInference": "multi_inference_log",
}

_SERVE_TAG = "serve"


@dataclass(frozen=True, slots=True)
class Answered:
    """A request to a model server and what it answered.

    Attributes:
        method: of PredictionService.
        request, response: its messages.
    """

    method: str
    request: Any
    response: Any


def log_entry(
    answered: Answered, *, request_id: str, version: int, sampling_rate: float | None
) -> prediction_log_pb2.PredictionLog:
    """The entry of a request that is answered now.

    Args:
        answered: with a method out of `LOG_FIELDS`.
        request_id: the gateway's.
        version: that answered; 0 where it isn't known.
        sampling_rate: with which it was chosen; None when it was chosen for something about it.
    """
    entry = prediction_log_pb2.PredictionLog()
    log = getattr(entry, LOG_FIELDS[answered.method])
    log.request.CopyFrom(answered.request)
    log.response.CopyFrom(answered.response)
    metadata = entry.log_metadata
    asked = answered.request.tasks[0] if answered.method == "MultiInference" else answered.request
    metadata.model_spec.CopyFrom(asked.model_spec)
    if version:
        metadata.model_spec.version.value = version  # in place of a label, if there was one: they exclude each other
    metadata.saved_model_tags.append(_SERVE_TAG)
    metadata.timestamp_secs = int(time.time())
    metadata.request_origin = request_id
    if sampling_rate is not None:
        metadata.sampling_config.sampling_rate = sampling_rate
    return entry
