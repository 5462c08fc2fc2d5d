"""Replays recorded requests before a version becomes available, so that its first client does not pay for it.

The file and its limits are TF Serving's: https://www.tensorflow.org/tfx/serving/saved_model_warmup.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serving.errors import Code, ServingError
from serving.model_server import inference
from serving.model_server.runner import Runner
from serving.model_server.steps import run_to_end

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"

# TF Serving's WarmupConsts::kMaxNumRecords.
MAX_RECORDS = 1000


def warm_up(path: Path, runner: Runner, *, iterations: int = 1) -> int:
    """Replay the version's warm-up requests, if it has any; returns how many ran.

    Raises:
        ServingError: the file cannot be read, holds more than `MAX_RECORDS` requests, or one of them failed; a version
            that cannot answer its own warm-up is not fit to serve.
    """
    file = path / WARMUP_FILE
    if not file.exists():
        return 0
    count = 0
    for log in _read(file):
        if count == MAX_RECORDS:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}",
            )
        for _ in range(iterations):
            try:
                _replay(runner, log)
            except ServingError as error:
                raise ServingError(
                    error.code, f"Warm-up request {count + 1} of {file} failed: {error.message}"
                ) from error
        count += 1
    return count


def _read(file: Path) -> list[Any]:
    """The `tensorflow.serving.PredictionLog` records of a TFRecord file."""
    import tensorflow as tf  # noqa: PLC0415 - seconds; the server listens before
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from tensorflow_serving.apis import prediction_log_pb2  # noqa: PLC0415

    try:
        # One more than allowed, so that the caller sees there are too many and a huge file is not read.
        records = tf.data.TFRecordDataset(str(file)).take(MAX_RECORDS + 1).as_numpy_iterator()
        return [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    except (tf.errors.OpError, DecodeError) as error:
        raise ServingError(
            Code.DATA_LOSS, f"{file} is not a TFRecord file of PredictionLog: {str(error).splitlines()[0]}"
        ) from error


def _replay(runner: Runner, log: Any) -> None:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        run_to_end(inference.predict(runner, log.predict_log.request))
    elif kind == "classify_log":
        run_to_end(inference.classify(runner, log.classify_log.request))
    elif kind == "regress_log":
        run_to_end(inference.regress(runner, log.regress_log.request))
    elif kind == "multi_inference_log":
        run_to_end(inference.multi_inference(runner, log.multi_inference_log.request))
    else:
        raise ServingError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")
