"""Warm-up requests that travel with the model: TF Serving replays them before a version becomes available."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

WARMUP_FILE = "tf_serving_warmup_requests"

# TF Serving reads no more than this many records.
MAX_WARMUP_REQUESTS = 1000


def write_warmup_requests(assets_extra: str, image_batches: Sequence[Sequence[bytes]]) -> None:
    """Writes one Predict request on `serving_default` for each batch of encoded images.

    The model's name is left empty: TF Serving addresses each request to the version it is warming up.
    """
    path = f"{assets_extra}/{WARMUP_FILE}"
    with tf.io.TFRecordWriter(path) as writer:
        for batch in image_batches[:MAX_WARMUP_REQUESTS]:
            request = predict_pb2.PredictRequest()
            request.model_spec.signature_name = "serving_default"
            request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(list(batch), tf.string, shape=[len(batch)]))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
