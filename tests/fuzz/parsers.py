"""Coverage-guided fuzzing of what reads clients' bytes before anything else does.

    python -m tests.fuzz.parsers [TARGET] [CORPUS] [libFuzzer's options, such as -max_total_time=3600]

A target may refuse its input with the error that it documents, and with no other. Without a target, each input's first
byte chooses one. CORPUS is a folder that libFuzzer keeps what it found in; without one it starts from good inputs.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["preprocessing.images", "serving"]):
    from google.protobuf.message import DecodeError

    from preprocessing.images import ImageRefusedError, inspect_image, verify_image
    from preprocessing.images.limits import ImageLimits
    from serving import rest_json, tensors
    from serving.errors import ServingError
    from serving.gateway.images_request import is_images_request, parse_images_request
    from serving.gateway.multipart import images_from_multipart
    from serving.gateway.v2.rest_request import parse_infer
    from serving.protos import meta_graph_pb2, tensor_pb2, types_pb2

from tests.serving.gateway.pictures import GREEN, RED, noisy_jpeg

# Small, so that an image which is let in is verified in no time.
LIMITS = ImageLimits(max_pixels=1 << 20)


def image(data: bytes) -> None:
    """Headers of every format, and what is read of the data behind them."""
    try:
        header = inspect_image(data, LIMITS)
        verify_image(data, header)
    except ImageRefusedError:
        return


def multipart(data: bytes) -> None:
    """Bodies with several images. The boundary is fixed: finding it out is no task for a fuzzer."""
    try:
        images_from_multipart(data, "multipart/form-data; boundary=b", 8)
    except ServingError:
        return


def json_body(data: bytes) -> None:
    """TF Serving's JSON, and JSON with images."""
    try:
        parsed = rest_json.parse_body(data)
        if is_images_request(parsed):
            parse_images_request(parsed)
        else:
            rest_json.parse_predict(parsed, SIGNATURE)
    except ServingError:
        return


def json_examples(data: bytes) -> None:
    """Classify's and Regress's JSON."""
    try:
        rest_json.parse_examples(rest_json.parse_body(data))
    except ServingError:
        return


def infer(data: bytes) -> None:
    """The Open Inference Protocol's JSON; the first byte says how much of it is JSON."""
    try:
        parse_infer(data[1:], str(data[0]) if data[:1] > b"\x80" else None, "pets", "")
    except ServingError:
        return


def tensor(data: bytes) -> None:
    """Tensors in protos."""
    try:
        found = tensor_pb2.TensorProto.FromString(data)
        tensors.to_array(found)
    except (DecodeError, ServingError):
        return


def _signature() -> meta_graph_pb2.SignatureDef:
    signature = meta_graph_pb2.SignatureDef()
    for name, dtype in (("image_bytes", types_pb2.DT_STRING), ("x", types_pb2.DT_FLOAT), ("n", types_pb2.DT_INT64)):
        signature.inputs[name].dtype = dtype
        signature.inputs[name].tensor_shape.unknown_rank = True
    return signature


SIGNATURE = _signature()
_JSON = {"instances": [{"image_bytes": {"b64": "aGk="}, "x": [1.5, 2e9], "n": 3}]}
_TENSOR = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
TARGETS: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "image": (image, [RED, GREEN, noisy_jpeg(16, 16), b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBPVP8 "]),
    "multipart": (
        multipart,
        [b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + RED + b"\r\n--b--\r\n"],
    ),
    "json_body": (json_body, [json.dumps(_JSON).encode(), b'{"images": [{"b64": "aGk="}], "top_k": 2}']),
    "json_examples": (json_examples, [b'{"examples": [{"a": 1, "b": ["x", {"b64": "aGk="}]}], "context": {"c": 2.5}}']),
    "infer": (infer, [b"\0" + json.dumps({"inputs": [_TENSOR]}).encode()]),
    "tensor": (
        tensor,
        [tensors.to_proto([[1.0, 2.0]]).SerializeToString(), tensors.to_proto([b"a"]).SerializeToString()],
    ),
}


def _any(data: bytes) -> None:
    run, _ = list(TARGETS.values())[data[0] % len(TARGETS)] if data else (image, [])
    run(data[1:])


def main(arguments: list[str]) -> None:
    """Fuzz until libFuzzer's options say that it is enough."""
    chosen = arguments.pop(0) if arguments and arguments[0] in TARGETS else None
    with tempfile.TemporaryDirectory() as seeds:
        if chosen is None:
            run = _any
            inputs = [bytes([n]) + seed for n, (_, found) in enumerate(TARGETS.values()) for seed in found]
        else:
            run, inputs = TARGETS[chosen]
        for number, seed in enumerate(inputs):
            (Path(seeds) / str(number)).write_bytes(seed)
        # libFuzzer writes what it finds to the first folder.
        atheris.Setup([sys.argv[0], *arguments, seeds], run)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
