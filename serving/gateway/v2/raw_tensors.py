"""Tensors as raw bytes: numbers in little-endian order, each element of BYTES after its length in 4 bytes."""

from __future__ import annotations

import struct

from serving import tensors
from serving.gateway.v2.datatypes import check_count, element_count, invalid
from serving.protos import tensor_pb2, types_pb2

_LENGTH = struct.Struct("<I")


def fill_from_raw(name: str, tensor: tensor_pb2.TensorProto, raw: bytes) -> None:
    """Give a tensor of known type and shape its values.

    Raises:
        ServingError: INVALID_ARGUMENT when the bytes don't fit type and shape.
    """
    if tensor.dtype == types_pb2.DT_STRING:
        values = _read_strings(name, raw)
        check_count(name, tensor, len(values))
        tensor.string_val.extend(values)
        return
    itemsize = 2 if tensor.dtype == types_pb2.DT_BFLOAT16 else tensors.numpy_dtype(tensor.dtype).itemsize
    needed = element_count(tensor) * itemsize
    if len(raw) != needed:
        sizes = [dim.size for dim in tensor.tensor_shape.dim]
        raise invalid(name, f"has {len(raw)} bytes, but shape {sizes} of its datatype needs {needed}")
    tensor.tensor_content = raw


def raw_of(tensor: tensor_pb2.TensorProto) -> bytes:
    """A tensor's values as raw bytes."""
    array = tensors.to_array(tensor)
    if tensor.dtype == types_pb2.DT_STRING:
        return b"".join(_LENGTH.pack(len(value)) + value for value in array.ravel().tolist())
    if tensor.tensor_content:
        return bytes(tensor.tensor_content)
    return bytes(tensors.to_proto(array, tensor.dtype).tensor_content)


def _read_strings(name: str, raw: bytes) -> list[bytes]:
    values: list[bytes] = []
    position = 0
    while position < len(raw):
        if position + _LENGTH.size > len(raw):
            raise invalid(name, f"ends inside the length of element {len(values)}")
        (length,) = _LENGTH.unpack_from(raw, position)
        position += _LENGTH.size
        if position + length > len(raw):
            raise invalid(
                name,
                f"announces {length} bytes for element {len(values)} and has {len(raw) - position} left; each element "
                "of BYTES is preceded by its length in 4 bytes, little-endian",
            )
        values.append(raw[position : position + length])
        position += length
    return values
