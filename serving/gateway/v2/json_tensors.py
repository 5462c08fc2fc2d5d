"""Tensors in the protocol's JSON: flat or nested `data`, BYTES as text, or as base64 where the tensor says so."""

from __future__ import annotations

from typing import Any

import numpy as np

from serving import tensors
from serving.errors import Code, ServingError
from serving.gateway.v2.datatypes import check_count, empty_tensor, invalid
from serving.protos import tensor_pb2, types_pb2
from serving.rest_json.quoting import quote
from serving.rest_json.values import string, to_tensor

# What MLServer's clients set for bytes that are no text.
_BASE64 = "base64"


def tensor_from_json(
    name: str, datatype: str, shape: list[int], data: Any, parameters: dict[str, Any]
) -> tensor_pb2.TensorProto:
    """A tensor from its parts.

    Raises:
        ServingError: INVALID_ARGUMENT when they contradict each other.
    """
    tensor = empty_tensor(name, datatype, shape)
    if not isinstance(data, list):
        raise invalid(name, f"has data that is no list: {quote(data)}")
    try:
        found = to_tensor(data, tensor.dtype)
        if tensor.dtype == types_pb2.DT_STRING and parameters.get("content_type") == _BASE64:
            found.string_val[:] = [string({"b64": value.decode()}) for value in found.string_val]
    except ServingError as error:
        raise ServingError(error.code, f"input {name[:100]!r}: {error.message}") from error
    except UnicodeDecodeError as error:
        raise invalid(name, "has data that is no base64") from error
    nested = list(tensors.shape_of(found))
    check_count(name, tensor, int(np.prod(nested)))
    if len(nested) > 1 and nested != shape:
        raise invalid(name, f"has data of shape {nested}, but declares {shape}")
    found.tensor_shape.CopyFrom(tensor.tensor_shape)
    return found


def json_data(name: str, tensor: tensor_pb2.TensorProto) -> list[Any]:
    """A tensor's values, flattened row by row.

    Raises:
        ServingError: FAILED_PRECONDITION for strings that are no text.
    """
    values = tensors.to_array(tensor).ravel()
    if tensor.dtype == types_pb2.DT_STRING:
        try:
            return [value.decode() for value in values.tolist()]
        except UnicodeDecodeError as error:
            raise ServingError(
                Code.FAILED_PRECONDITION,
                f"output {name!r} is not UTF-8 text; ask for it with the parameter binary_data or over gRPC",
            ) from error
    if values.dtype.kind == "f" and values.dtype.itemsize < 8:
        # By way of text: the digits that the number needs, and not those that only its conversion brings.
        return list(values.astype("U").astype(np.float64).tolist())
    return list(values.tolist())
