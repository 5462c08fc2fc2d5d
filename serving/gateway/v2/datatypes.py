"""The protocol's names of datatypes, and TensorFlow's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from serving import tensors
from serving.errors import Code, ServingError
from serving.protos import tensor_pb2, types_pb2

BYTES = "BYTES"

_DTYPES = {
    "BOOL": types_pb2.DT_BOOL,
    "UINT8": types_pb2.DT_UINT8,
    "UINT16": types_pb2.DT_UINT16,
    "UINT32": types_pb2.DT_UINT32,
    "UINT64": types_pb2.DT_UINT64,
    "INT8": types_pb2.DT_INT8,
    "INT16": types_pb2.DT_INT16,
    "INT32": types_pb2.DT_INT32,
    "INT64": types_pb2.DT_INT64,
    "FP16": types_pb2.DT_HALF,
    "BF16": types_pb2.DT_BFLOAT16,
    "FP32": types_pb2.DT_FLOAT,
    "FP64": types_pb2.DT_DOUBLE,
    BYTES: types_pb2.DT_STRING,
}
_DATATYPES = {dtype: datatype for datatype, dtype in _DTYPES.items()}


def dtype_of(datatype: str, name: str) -> int:
    """TensorFlow's DataType of a tensor `name` with this datatype.

    Raises:
        ServingError: INVALID_ARGUMENT that lists the datatypes there are.
    """
    dtype = _DTYPES.get(datatype)
    if dtype is None:
        raise invalid(name, f"has datatype {datatype[:50]!r}; there are {', '.join(_DTYPES)}")
    return dtype


def datatype_of(dtype: int) -> str | None:
    """The protocol's name of a DataType; None for those that it has no name for, such as complex."""
    return _DATATYPES.get(dtype)


def empty_tensor(name: str, datatype: str, shape: Sequence[int]) -> tensor_pb2.TensorProto:
    """A tensor of declared type and shape, without its values.

    Raises:
        ServingError: INVALID_ARGUMENT for an unknown datatype or a shape that no sent tensor has.
    """
    if any(size < 0 for size in shape) or len(shape) > tensors.MAX_RANK:
        raise invalid(
            name,
            f"has shape {list(shape)[: tensors.MAX_RANK]}; a sent tensor has at most {tensors.MAX_RANK} dimensions and "
            "no negative size",
        )
    tensor = tensor_pb2.TensorProto(dtype=dtype_of(datatype, name))
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def element_count(tensor: tensor_pb2.TensorProto) -> int:
    """How many values the shape of a tensor has room for."""
    return math.prod(dim.size for dim in tensor.tensor_shape.dim)


def check_count(name: str, tensor: tensor_pb2.TensorProto, count: int) -> None:
    """Refuse a tensor with more or fewer values than its shape has room for.

    Raises:
        ServingError: INVALID_ARGUMENT that says both numbers.
    """
    if count != element_count(tensor):
        sizes = [dim.size for dim in tensor.tensor_shape.dim]
        raise invalid(name, f"has {count} values, but its shape {sizes} has room for {element_count(tensor)}")


def output_datatype(name: str, tensor: Any) -> str:
    """The datatype of an output.

    Raises:
        ServingError: UNIMPLEMENTED for a type that the protocol has no name for.
    """
    datatype = datatype_of(tensor.dtype)
    if datatype is None:
        raise ServingError(
            Code.UNIMPLEMENTED,
            f"output {name!r} is of type {tensors.dtype_name(tensor.dtype)}, for which the Open Inference Protocol has "
            "no datatype; ask for the other outputs by name",
        )
    return datatype


def invalid(name: str, problem: str) -> ServingError:
    """An INVALID_ARGUMENT error about the input `name`."""
    return ServingError(Code.INVALID_ARGUMENT, f"input {name[:100]!r} {problem}")
