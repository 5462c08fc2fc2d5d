"""Predict requests in JSON: `instances` or `inputs` to named tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

from serving import tensors
from serving.errors import ServingError
from serving.protos import meta_graph_pb2, tensor_pb2
from serving.rest_json.body import JsonBody, parse_body
from serving.rest_json.quoting import invalid, quote
from serving.rest_json.values import is_base64, to_tensor


class RequestFormat(Enum):
    """How a Predict request lists its tensors, and so how its answer does."""

    ROW = "row"
    COLUMNAR = "columnar"


def parse_predict(
    body: bytes | JsonBody, signature: meta_graph_pb2.SignatureDef
) -> tuple[dict[str, tensor_pb2.TensorProto], RequestFormat]:
    """The input tensors of a Predict request.

    Args:
        body: the request's body, or what `parse_body` made of it.
        signature: the signature that will run; gives the names and dtypes of the inputs.

    Returns:
        A tensor for each input, named as in the signature, and the format to answer in. In row format the first
        dimension is the number of instances.

    Raises:
        ServingError: INVALID_ARGUMENT when the body does not fit the signature, UNIMPLEMENTED for a dtype that JSON
            cannot hold (complex).
    """
    parsed = body if isinstance(body, JsonBody) else parse_body(body)
    document = parsed.document
    infos = {name: signature.inputs[name].dtype for name in sorted(signature.inputs)}
    if not infos:
        raise invalid(f"Failed to get input map for signature: {parsed.signature_name or 'DEFAULT'}")
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {quote(document)} Not formatted correctly expecting only one of 'inputs' or 'instances' "
            "keys to exist "
        )
    if "instances" in document:
        instances = document["instances"]
        if not isinstance(instances, list):
            raise invalid(f"JSON Value: {quote(document)} Excepting 'instances' to be an list/array")
        if not instances:
            raise invalid(f"JSON Value: {quote(document)} No values in 'instances' array")
        return _from_instances(instances, infos), RequestFormat.ROW
    if "inputs" in document:
        required = {name for name in infos if name not in signature.defaults}
        return _from_inputs(document["inputs"], infos, required), RequestFormat.COLUMNAR
    raise invalid("Missing 'inputs' or 'instances' key")


def _from_instances(instances: list[Any], infos: Mapping[str, int]) -> dict[str, tensor_pb2.TensorProto]:
    """Tensors of row format, `[len(instances), …]` each."""
    named = _is_named(instances[0])
    if not named and len(infos) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    for index, item in enumerate(instances):
        if named and not _is_named(item):
            raise invalid(f"Expecting object but got list at item {index} of input list")
        if not named and _is_named(item):
            raise invalid(f"Expecting value/list but got object at item {index} of input list")
        if named and item.keys() != infos.keys():
            surplus = [name for name in item if name not in infos]
            if surplus:
                reason = f"INVALID_ARGUMENT: JSON object: does not have named input: {surplus[0]}"
                raise invalid(
                    f"Failed to process element: {index} key: {surplus[0]} of 'instances' list. Error: {reason}"
                )
            raise invalid(
                f"Failed to process element: {index} of 'instances' list. JSON object: {quote(item)} keys must be "
                f"equal to: {','.join(infos)}"
            )
    result = {}
    for name, dtype in infos.items():
        column = [item[name] for item in instances] if named else instances
        try:
            result[name] = to_tensor(column, dtype)
        except ServingError as error:
            _blame_element(column, dtype, name if named else None)
            raise error from None
    return result


def _blame_element(column: list[Any], dtype: int, name: str | None) -> None:
    """Raise TF Serving's error for the first element that is wrong or unlike the first; return if none is."""
    key = f" key: {name}" if name is not None else ""
    first: tensor_pb2.TensorProto | None = None
    for index, item in enumerate(column):
        prefix = f"Failed to process element: {index}{key} of 'instances' list. Error: "
        try:
            tensor = to_tensor(item, dtype)
        except ServingError as error:
            raise ServingError(error.code, f"{prefix}{error.code.name}: {error.message}") from error
        if first is None:
            first = tensor
            continue
        expected, got = tensors.shape_of(first), tensors.shape_of(tensor)
        if expected != got:
            sizes = int(np.prod(expected)), int(np.prod(got))
            reason = (
                f"Expecting tensor size: {sizes[0]} but got: {sizes[1]}"
                if sizes[0] != sizes[1]
                else f"Expecting shape {_shape_text(expected)} but got: {_shape_text(got)}"
            )
            raise invalid(f"{prefix}INVALID_ARGUMENT: {reason}")


def _from_inputs(value: Any, infos: Mapping[str, int], required: set[str]) -> dict[str, tensor_pb2.TensorProto]:
    """Tensors of columnar format."""
    if not _is_named(value):
        if len(infos) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        ((name, dtype),) = infos.items()
        return {name: to_tensor(value, dtype)}
    for name in infos:
        if name in required and name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    for name in value:  # TF Serving ignores a misspelt input; saying so costs nobody anything
        if name not in infos:
            raise invalid(f"Unknown named input: {name} in 'inputs' object; the signature has: {', '.join(infos)}.")
    return {name: to_tensor(value[name], dtype) for name, dtype in infos.items() if name in value}


def _is_named(value: Any) -> bool:
    """Whether a value is an object of named tensors, which a base64 object is not."""
    return type(value) is dict and not is_base64(value)


def _shape_text(shape: Sequence[int]) -> str:
    return f"[{','.join(str(size) for size in shape)}]"
