"""Tensors between TF Serving's `TensorProto` and numpy, without TensorFlow.

The rules are those of TensorFlow's `Tensor::FromProto` and `Tensor::AsProtoField` / `AsProtoTensorContent`
(tensorflow/core/framework/tensor.cc): values lie in `tensor_content` (raw little-endian bytes) or in the `*_val` field
of their type; fewer values than the shape needs means that the last one repeats, none means zeros.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from serving.errors import Code, ServingError
from serving.protos import tensor_pb2, types_pb2

# A few bytes of proto can name a shape of terabytes when one value stands for all of them. 256 MiB is a batch of 400
# float32 images of 224 x 224 x 3, far above any tensor that is sent in repeated form on purpose.
MAX_REPEATED_BYTES = 256 * 1024 * 1024

# numpy's own limit (NPY_MAXDIMS in numpy 2); TensorFlow's is 254.
MAX_RANK = 64

_BFLOAT16 = types_pb2.DT_BFLOAT16

# DataType -> (numpy dtype in memory, the proto field that holds its values). bfloat16 has no numpy dtype of its own:
# its 16 bits are the upper half of a float32.
_KINDS: dict[int, tuple[np.dtype[Any], str]] = {
    types_pb2.DT_FLOAT: (np.dtype("<f4"), "float_val"),
    types_pb2.DT_DOUBLE: (np.dtype("<f8"), "double_val"),
    types_pb2.DT_INT32: (np.dtype("<i4"), "int_val"),
    types_pb2.DT_UINT8: (np.dtype("u1"), "int_val"),
    types_pb2.DT_INT16: (np.dtype("<i2"), "int_val"),
    types_pb2.DT_INT8: (np.dtype("i1"), "int_val"),
    types_pb2.DT_UINT16: (np.dtype("<u2"), "int_val"),
    types_pb2.DT_STRING: (np.dtype(object), "string_val"),
    types_pb2.DT_COMPLEX64: (np.dtype("<c8"), "scomplex_val"),
    types_pb2.DT_COMPLEX128: (np.dtype("<c16"), "dcomplex_val"),
    types_pb2.DT_INT64: (np.dtype("<i8"), "int64_val"),
    types_pb2.DT_BOOL: (np.dtype("?"), "bool_val"),
    types_pb2.DT_UINT32: (np.dtype("<u4"), "uint32_val"),
    types_pb2.DT_UINT64: (np.dtype("<u8"), "uint64_val"),
    types_pb2.DT_HALF: (np.dtype("<f2"), "half_val"),
    types_pb2.DT_BFLOAT16: (np.dtype("<u2"), "half_val"),
    types_pb2.DT_QINT8: (np.dtype("i1"), "int_val"),
    types_pb2.DT_QUINT8: (np.dtype("u1"), "int_val"),
    types_pb2.DT_QINT16: (np.dtype("<i2"), "int_val"),
    types_pb2.DT_QUINT16: (np.dtype("<u2"), "int_val"),
    types_pb2.DT_QINT32: (np.dtype("<i4"), "int_val"),
}

# What a numpy array becomes when the caller names no DataType.
_DEFAULT_DTYPES: dict[str, int] = {
    "float32": types_pb2.DT_FLOAT,
    "float64": types_pb2.DT_DOUBLE,
    "float16": types_pb2.DT_HALF,
    "bfloat16": types_pb2.DT_BFLOAT16,
    "int8": types_pb2.DT_INT8,
    "int16": types_pb2.DT_INT16,
    "int32": types_pb2.DT_INT32,
    "int64": types_pb2.DT_INT64,
    "uint8": types_pb2.DT_UINT8,
    "uint16": types_pb2.DT_UINT16,
    "uint32": types_pb2.DT_UINT32,
    "uint64": types_pb2.DT_UINT64,
    "bool": types_pb2.DT_BOOL,
    "complex64": types_pb2.DT_COMPLEX64,
    "complex128": types_pb2.DT_COMPLEX128,
}


def dtype_name(dtype: int) -> str:
    """TensorFlow's short name of a DataType (`DataTypeString`): `float`, `int64`, `string`, …"""
    if dtype not in types_pb2.DataType.values():
        return f"unknown dtype enum ({dtype})"
    return types_pb2.DataType.Name(dtype).removeprefix("DT_").lower()


def numpy_dtype(dtype: int) -> np.dtype[Any]:
    """The numpy dtype that `to_array` returns for this DataType: bfloat16 becomes float32, string becomes object.

    Raises:
        ServingError: INVALID_ARGUMENT when the DataType cannot be served (resource, variant, float8, …).
    """
    if dtype == _BFLOAT16:
        return np.dtype("<f4")
    return _kind(dtype)[0]


def shape_of(tensor: tensor_pb2.TensorProto) -> tuple[int, ...]:
    """The shape that a tensor declares.

    Raises:
        ServingError: INVALID_ARGUMENT when it is unknown, has a negative size or too many dimensions.
    """
    shape = tensor.tensor_shape
    sizes = tuple(dim.size for dim in shape.dim)
    if shape.unknown_rank or any(size < 0 for size in sizes):
        raise _invalid(f"Tensor shape {list(sizes)} is not fully known; every dimension of a sent tensor needs a size")
    if len(sizes) > MAX_RANK:
        raise _invalid(f"Tensor has {len(sizes)} dimensions; at most {MAX_RANK} are supported")
    return sizes


def to_array(tensor: tensor_pb2.TensorProto) -> npt.NDArray[Any]:
    """A tensor as a numpy array of its declared shape.

    Strings become an object array of `bytes`, bfloat16 becomes float32. The array may be a read-only view of the
    message's memory.

    Raises:
        ServingError: INVALID_ARGUMENT when the dtype is not supported, the shape is not fully known, or shape and
            number of values contradict each other. (TensorFlow silently drops surplus values; here they are an error.)
    """
    shape = shape_of(tensor)
    count = math.prod(shape)
    kind, field = _kind(tensor.dtype)
    if tensor.tensor_content:
        flat = _from_content(tensor, kind, count)
    else:
        flat = _from_values(tensor, kind, getattr(tensor, field), count, shape)
    if tensor.dtype == _BFLOAT16:
        flat = (flat.astype(np.uint32) << 16).view(np.float32)
    return flat.reshape(shape)


def to_proto(
    array: npt.ArrayLike, dtype: int | None = None, *, layout: Literal["content", "values"] = "content"
) -> tensor_pb2.TensorProto:
    """A numpy array as a tensor.

    Args:
        array: any shape; numbers, bools, `bytes` or `str` (encoded as UTF-8).
        dtype: the DataType to write, by default the one of the array. Numbers are cast to it.
        layout: where numbers go: `content` is `tensor_content`, raw bytes, the fastest; `values` is the typed field
            (`float_val`, …), which is how TF Serving answers and what many clients read. Strings always lie in
            `string_val`.

    Raises:
        TypeError: the array's dtype has no DataType, or cannot be cast to the one asked for.
    """
    values = np.asarray(array)
    if dtype is None:
        dtype = types_pb2.DT_STRING if values.dtype.kind in "OSU" else _DEFAULT_DTYPES.get(values.dtype.name)
        if dtype is None:
            raise TypeError(f"numpy dtype {values.dtype} has no TensorFlow DataType")
    tensor = tensor_pb2.TensorProto(dtype=dtype)
    for size in values.shape:
        tensor.tensor_shape.dim.add(size=size)
    if dtype == types_pb2.DT_STRING:
        tensor.string_val.extend(_as_bytes(value) for value in values.ravel().tolist())
        return tensor
    numbers = _cast(values, dtype)
    if layout == "content":
        tensor.tensor_content = numbers.tobytes()
        return tensor
    field = _KINDS[dtype][1]
    if numbers.dtype.kind == "c":  # real and imaginary parts alternate
        numbers = numbers.view("<f4" if numbers.dtype.itemsize == 8 else "<f8")
    elif numbers.dtype == np.dtype("<f2"):
        numbers = numbers.view("<u2")
    getattr(tensor, field).extend(numbers.tolist())
    return tensor


def _kind(dtype: int) -> tuple[np.dtype[Any], str]:
    """numpy dtype and proto field of a DataType."""
    kind = _KINDS.get(dtype)
    if kind is None:
        raise _invalid(f"Tensor dtype {dtype_name(dtype)} is not supported")
    return kind


def _from_content(tensor: tensor_pb2.TensorProto, kind: np.dtype[Any], count: int) -> npt.NDArray[Any]:
    """The values in `tensor_content`, `[count]`."""
    content = tensor.tensor_content
    if tensor.dtype == types_pb2.DT_STRING:
        return _objects(_decode_string_list(content, count))
    if len(content) != count * kind.itemsize:
        raise _invalid(
            f"tensor_content has {len(content)} bytes, but shape {list(shape_of(tensor))} of "
            f"{dtype_name(tensor.dtype)} needs {count * kind.itemsize}"
        )
    return np.frombuffer(content, dtype=kind)


def _from_values(
    tensor: tensor_pb2.TensorProto, kind: np.dtype[Any], field: Sequence[Any], count: int, shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    """The values in the typed field, the last one repeated as often as the shape needs, `[count]`."""
    given: npt.NDArray[Any]
    if tensor.dtype == types_pb2.DT_STRING:
        given = _objects(field)
    elif kind.kind == "c":
        if len(field) % 2:
            raise _invalid(f"A {dtype_name(tensor.dtype)} tensor needs pairs of numbers, but has {len(field)}")
        given = np.array(field, dtype="<f4" if kind.itemsize == 8 else "<f8").view(kind)
    elif tensor.dtype == types_pb2.DT_HALF:
        given = _narrow(np.array(field, dtype=np.int64), np.dtype("<u2"), tensor.dtype).view(kind)
    elif kind.itemsize < 4 and kind.kind in "iu":
        given = _narrow(np.array(field, dtype=np.int64), kind, tensor.dtype)
    else:
        given = np.array(field, dtype=kind)
    if len(given) == count:
        return given
    if len(given) > count:
        raise _invalid(
            f"Tensor of shape {list(shape)} and dtype {dtype_name(tensor.dtype)} holds {count} values, "
            f"but {len(given)} were sent"
        )
    if count * kind.itemsize > MAX_REPEATED_BYTES:
        raise _invalid(
            f"Tensor of shape {list(shape)} and dtype {dtype_name(tensor.dtype)} is sent as {len(given)} repeated "
            f"values; at most {MAX_REPEATED_BYTES} bytes may be written this way"
        )
    default: Any = b"" if tensor.dtype == types_pb2.DT_STRING else 0
    full: npt.NDArray[Any] = np.full(count, given[-1] if len(given) else default, dtype=kind)
    full[: len(given)] = given
    return full


def _narrow(values: npt.NDArray[np.int64], kind: np.dtype[Any], dtype: int) -> npt.NDArray[Any]:
    """int_val and half_val hold 32 bits for types of 8 and 16; a value that does not fit is an error."""
    limits = np.iinfo(kind)
    if values.size and (values.min() < limits.min or values.max() > limits.max):
        raise _invalid(
            f"Values {values.min()}..{values.max()} do not fit {dtype_name(dtype)} ({limits.min}..{limits.max})"
        )
    return values.astype(kind)


def _decode_string_list(content: bytes, count: int) -> list[bytes]:
    """Strings in `tensor_content`: first all lengths as varints, then all bytes (`port::DecodeStringList`)."""
    lengths: list[int] = []
    position = 0
    while len(lengths) < count:
        length = shift = 0
        while True:
            if position >= len(content) or shift > 28:
                raise _invalid("tensor_content does not hold as many string lengths as the shape needs")
            byte = content[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        lengths.append(length)
    if sum(lengths) != len(content) - position:
        raise _invalid(
            f"tensor_content announces strings of {sum(lengths)} bytes in all, but holds {len(content) - position}"
        )
    strings = []
    for length in lengths:
        strings.append(content[position : position + length])
        position += length
    return strings


def _objects(values: Sequence[Any]) -> npt.NDArray[Any]:
    """A list of bytes as an object array, `[len(values)]`; `np.array` would guess a fixed-width dtype."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _as_bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    raise TypeError(f"A string tensor holds bytes or str, not {type(value).__name__}")


def _cast(values: npt.NDArray[Any], dtype: int) -> npt.NDArray[Any]:
    """Numbers in the memory layout of a DataType, `[size]`, little-endian."""
    kind = _KINDS.get(dtype, (None, ""))[0]
    if kind is None or values.dtype.kind in "OSU":
        raise TypeError(f"An array of {values.dtype} cannot become a tensor of {dtype_name(dtype)}")
    flat = np.ascontiguousarray(values).reshape(-1)
    if dtype != _BFLOAT16:
        return flat.astype(kind, copy=False)
    if flat.dtype.name == "bfloat16":  # ml_dtypes' own, as TensorFlow returns it
        return flat.view(kind)
    bits = np.ascontiguousarray(flat, dtype="<f4").view("<u4")
    # Round to nearest, ties to even, as TensorFlow casts; a NaN must not carry into infinity.
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    quiet_nan = (bits >> 16) | 0x40
    is_nan = (bits & 0x7FFFFFFF) > 0x7F800000
    return np.where(is_nan, quiet_nan, rounded).astype(kind)


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
