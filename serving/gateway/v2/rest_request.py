"""The body of `/infer`: JSON, with binary tensor data behind it where the client uses that extension.

The extension is Triton's
(https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md): the header
`Inference-Header-Content-Length` says where the JSON ends, and each tensor's parameter `binary_data_size` how many of
the bytes after it are its own, in the order of the tensors.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from serving import rest_json
from serving.errors import Code, ServingError
from serving.gateway.v2.datatypes import empty_tensor, output_datatype
from serving.gateway.v2.inference import SIGNATURE_PARAMETER, InferAnswer, InferRequest
from serving.gateway.v2.json_tensors import json_data, tensor_from_json
from serving.gateway.v2.raw_tensors import fill_from_raw, raw_of
from serving.protos import tensor_pb2
from serving.rest_json.quoting import quote

JSON_LENGTH = "inference-header-content-length"


@dataclass(frozen=True, slots=True)
class RestInferRequest:
    """A request and how its answer is to be written.

    Attributes:
        binary_outputs: whether outputs are binary unless they say otherwise.
        binary: what single outputs say.
    """

    request: InferRequest
    request_id: str
    binary_outputs: bool
    binary: dict[str, bool]


def parse_infer(body: bytes, json_length: str | None, model: str, version: str) -> RestInferRequest:
    """Read a request.

    Raises:
        ServingError: INVALID_ARGUMENT that says what is wrong where.
    """
    length = _json_length(json_length, len(body))
    document = rest_json.parse_body(body[:length]).document
    parameters = _object(document.get("parameters", {}), "parameters")
    listed = _tensors(document.get("inputs"), "inputs")
    if not listed:
        raise _invalid("'inputs' must be a list of at least one tensor")
    inputs: dict[str, tensor_pb2.TensorProto] = {}
    position = length
    for item in listed:
        name = _text(item.get("name"), "an input's name")
        if name in inputs:
            raise _invalid(f"input {name[:100]!r} is there twice")
        inputs[name], used = _input(item, name, body, position)
        position += used
    if position != len(body):
        raise _invalid(f"{len(body) - position} bytes of the body belong to no input")
    outputs = _tensors(document.get("outputs", []), "outputs")
    names = tuple(_text(item.get("name"), "an output's name") for item in outputs)
    if len(set(names)) != len(names):
        raise _invalid("an output is named twice")
    binary = {
        name: bool(settings["binary_data"])
        for name, item in zip(names, outputs, strict=True)
        if "binary_data" in (settings := _object(item.get("parameters", {}), f"parameters of output {name[:100]!r}"))
    }
    return RestInferRequest(
        InferRequest(
            model, version, _text(parameters.get(SIGNATURE_PARAMETER, ""), SIGNATURE_PARAMETER), inputs, names
        ),
        request_id=_text(document.get("id", ""), "id"),
        binary_outputs=bool(parameters.get("binary_data_output", False)),
        binary=binary,
    )


def render_infer(asked: RestInferRequest, answer: InferAnswer) -> tuple[bytes, int | None]:
    """The answer's body, and the length of the JSON in it; None when it is JSON alone."""
    outputs: list[dict[str, Any]] = []
    raws: list[bytes] = []
    for name, tensor in answer.outputs.items():
        output: dict[str, Any] = {
            "name": name,
            "datatype": output_datatype(name, tensor),
            "shape": [dim.size for dim in tensor.tensor_shape.dim],
        }
        if asked.binary.get(name, asked.binary_outputs):
            raws.append(raw_of(tensor))
            output["parameters"] = {"binary_data_size": len(raws[-1])}
        else:
            output["data"] = json_data(name, tensor)
        outputs.append(output)
    document = {"model_name": answer.model, "model_version": str(answer.version), "outputs": outputs}
    if asked.request_id:
        document["id"] = asked.request_id
    text = json.dumps(document).encode()
    return b"".join([text, *raws]), len(text) if raws else None


def _input(item: dict[str, Any], name: str, body: bytes, position: int) -> tuple[tensor_pb2.TensorProto, int]:
    """An input, and how many of the bytes from `position` on were its own."""
    datatype = _text(item.get("datatype"), f"the datatype of input {name[:100]!r}")
    shape = item.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int and abs(size) < 2**63 for size in shape):
        raise _invalid(f"the shape of input {name[:100]!r} must be a list of whole numbers, got {quote(shape)}")
    parameters = _object(item.get("parameters", {}), f"parameters of input {name[:100]!r}")
    size = parameters.get("binary_data_size")
    if size is None:
        return tensor_from_json(name, datatype, shape, item.get("data"), parameters), 0
    if type(size) is not int or not 0 <= size <= len(body) - position:
        raise _invalid(
            f"input {name[:100]!r} announces {quote(size)} bytes of binary data, and {len(body) - position} follow the "
            f"JSON; is {JSON_LENGTH} right?"
        )
    if "data" in item:
        raise _invalid(f"input {name[:100]!r} has both data and binary_data_size")
    tensor = empty_tensor(name, datatype, shape)
    fill_from_raw(name, tensor, body[position : position + size])
    return tensor, size


def _json_length(text: str | None, body_length: int) -> int:
    if text is None:
        return body_length
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) > body_length:
        raise _invalid(f"{JSON_LENGTH} must be a number up to the body's {body_length} bytes, got {text[:50]!r}")
    return int(text)


def _tensors(value: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _invalid(f"'{what}' must be a list of objects, got {quote(value)}")
    return value


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(f"{what} must be an object, got {quote(value)}")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > 1000:
        raise _invalid(f"{what} must be text, got {quote(value)}")
    return value


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
