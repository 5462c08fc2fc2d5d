"""JSON values to tensors: nesting to shapes, scalars to dtypes, base64 to bytes."""

from __future__ import annotations

import binascii
import json
import re
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from serving import tensors
from serving.errors import Code, ServingError
from serving.protos import tensor_pb2, types_pb2
from serving.rest_json.quoting import MAX_QUOTED_CHARACTERS, invalid, quote, wrong_type

# TF Serving asks for 2**24 - 1 and 2**53 - 1 as the largest whole numbers written without a decimal point.
_MAX_WHOLE = {types_pb2.DT_FLOAT: 2**24 - 1, types_pb2.DT_DOUBLE: 2**53 - 1}
FLOATS = (types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, types_pb2.DT_HALF, types_pb2.DT_BFLOAT16)
INTEGERS = (
    types_pb2.DT_INT8,
    types_pb2.DT_INT16,
    types_pb2.DT_INT32,
    types_pb2.DT_INT64,
    types_pb2.DT_UINT8,
    types_pb2.DT_UINT16,
    types_pb2.DT_UINT32,
    types_pb2.DT_UINT64,
)
_WHITESPACE = re.compile(r"\s+")


def to_tensor(value: Any, dtype: int) -> tensor_pb2.TensorProto:
    """A JSON value, a scalar or evenly nested lists, as a tensor.

    Works level by level instead of recursing, so that nesting costs no stack.
    """
    shape: list[int] = []
    level = [value]
    while level and type(level[0]) is list:
        size = len(level[0])
        for item in level:
            if type(item) is not list:
                raise invalid(
                    f"JSON Value: {quote(item)} found at incorrect level: {len(shape) + 1} in the JSON DOM. "
                    f"Expected at level: {len(shape) + 2}"
                )
            if len(item) != size:
                raise invalid(
                    f"Encountered list at unexpected size: {len(item)} at level: {len(shape)} expected size: {size}"
                )
        shape.append(size)
        if len(shape) > tensors.MAX_RANK:
            raise invalid(f"Lists are nested {len(shape)} deep; a tensor has at most {tensors.MAX_RANK} dimensions")
        level = list(chain.from_iterable(level))
    for item in level:
        if type(item) is list:
            raise invalid(f"Encountered list at unexpected level: {len(shape)} expected < {len(shape)}")
    return tensors.to_proto(_leaves(level, dtype).reshape(shape), dtype)


def _leaves(values: list[Any], dtype: int) -> npt.NDArray[Any]:
    """The scalar JSON values of a tensor as an array of its dtype, `[len(values)]`."""
    if dtype == types_pb2.DT_STRING:
        array = np.empty(len(values), dtype=object)
        array[:] = [string(value) for value in values]
        return array
    if dtype in FLOATS:
        _require(values, dtype, int, float)
        return floats(values, dtype)
    if dtype in INTEGERS:
        _require(values, dtype, int)
        kind = tensors.numpy_dtype(dtype)
        limits = np.iinfo(kind)
        if values and (min(values) < limits.min or max(values) > limits.max):
            raise wrong_type(next(value for value in values if not limits.min <= value <= limits.max), dtype)
        return np.array(values, dtype=kind)
    if dtype == types_pb2.DT_BOOL:
        _require(values, dtype, bool)
        return np.array(values, dtype=np.bool_)
    shown = quote(values[0]) if values else "[]"
    raise ServingError(
        Code.UNIMPLEMENTED, f"Conversion of JSON Value: {shown} to type: {tensors.dtype_name(dtype)} is not supported"
    )


def floats(values: list[Any], dtype: int) -> npt.NDArray[Any]:
    """Numbers as float32 or float64, refused where that would lose whole digits or overflow."""
    kind = np.dtype(np.float64) if dtype == types_pb2.DT_DOUBLE else np.dtype(np.float32)
    name = tensors.dtype_name(dtype)
    largest_whole = _MAX_WHOLE.get(dtype, _MAX_WHOLE[types_pb2.DT_FLOAT])
    whole = [value for value in values if type(value) is int]
    if whole and (max(whole) > largest_whole or min(whole) < -largest_whole):
        raise invalid(f"Cannot convert JSON value: {quote(max(whole, key=abs))} to {name} without loss of precision.")
    wide = np.array(values, dtype=np.float64)
    if kind.itemsize == 4:
        too_large = np.isfinite(wide) & (np.abs(wide) > np.finfo(np.float32).max)
        if too_large.any():
            worst = values[int(np.argmax(too_large))]
            raise invalid(f"Cannot convert JSON value: {quote(worst)} to {name} without loss of precision.")
    return wide.astype(kind)


def _require(values: list[Any], dtype: int, *kinds: type) -> None:
    """Raise for the first value that is of none of these types; `True` is no `int` here."""
    if set(map(type, values)) <= set(kinds):
        return
    for value in values:
        if type(value) not in kinds:
            raise wrong_type(value, dtype)


def string(value: Any) -> bytes:
    """A string tensor's element: text as UTF-8, or a base64 object's bytes."""
    if type(value) is str:
        return encode(value)
    if type(value) is dict:
        if not is_base64(value):
            raise invalid(f"JSON Value: {quote(value)} not formatted correctly for base64 data")
        return _decode_base64(value["b64"])
    raise wrong_type(value, types_pb2.DT_STRING)


def encode(text: str) -> bytes:
    """Text as UTF-8; half a surrogate pair, which JSON's escapes can spell, is an error."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:  # "\ud800" without its other half
        raise invalid(
            f"JSON Parse error: The surrogate pair in string is invalid: {json.dumps(text[:MAX_QUOTED_CHARACTERS])}"
        ) from error


def _decode_base64(text: str) -> bytes:
    """Standard base64; padding may be missing and whitespace stand between, as absl::Base64Unescape has it."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        bare = _WHITESPACE.sub("", text).rstrip("=")
    try:
        return binascii.a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(f"Unable to base64 decode: {error}") from error


def is_base64(value: Any) -> bool:
    """Whether a value is `{"b64": "…"}` and nothing else."""
    return type(value) is dict and len(value) == 1 and type(value.get("b64")) is str
