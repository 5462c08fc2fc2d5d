"""Answers in JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from serving import tensors
from serving.protos import classification_pb2, regression_pb2, tensor_pb2, types_pb2
from serving.rest_json.predict_request import RequestFormat
from serving.rest_json.quoting import invalid
from serving.rest_json.values import FLOATS, INTEGERS


def render_predict(outputs: Mapping[str, tensor_pb2.TensorProto], request_format: RequestFormat) -> bytes:
    """The JSON answer to a Predict request.

    Row format gives `predictions`, a list with an element for each item of the batch, which is a value when there is
    one output and an object otherwise. Columnar format gives `outputs`, a value or an object of values.

    Raises:
        ServingError: INVALID_ARGUMENT when there are no outputs, a dtype cannot be written as JSON, or in row format
            the outputs' first dimensions are missing or differ.
    """
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    names = sorted(outputs)
    if request_format is RequestFormat.COLUMNAR:
        values = {name: _render_tensor(name, outputs[name], 0)[0] for name in names}
        return _document("outputs", values[names[0]] if len(names) == 1 else _object(values, indent=4))
    batch_size = _common_batch_size(outputs)
    columns = {name: _render_tensor(name, outputs[name], 1) for name in names}
    if len(names) == 1:
        items = columns[names[0]]
        return _document("predictions", f"[{', '.join(items)}\n    ]")
    rows = (_object({name: columns[name][row] for name in names}, indent=8) for row in range(batch_size))
    return _document("predictions", "[\n        " + ",\n        ".join(rows) + "\n    ]")


def render_classification(result: classification_pb2.ClassificationResult) -> bytes:
    """The JSON answer to a Classify request: for each example a list of `[label, score]`.

    Raises:
        ServingError: INVALID_ARGUMENT when the result is empty.
    """
    if not result.classifications:
        raise invalid("Cannot convert empty ClassificationResults to JSON")
    examples = []
    for classifications in result.classifications:
        scores = _decimals(np.array([item.score for item in classifications.classes], dtype=np.float32))
        labels = (json.dumps(item.label, ensure_ascii=False) for item in classifications.classes)
        examples.append(f"[{', '.join(f'[{label}, {score}]' for label, score in zip(labels, scores, strict=True))}]")
    return _document("results", f"[{', '.join(examples)}\n    ]")


def render_regression(result: regression_pb2.RegressionResult) -> bytes:
    """The JSON answer to a Regress request: a list of values.

    Raises:
        ServingError: INVALID_ARGUMENT when the result is empty.
    """
    if not result.regressions:
        raise invalid("Cannot convert empty RegressionResults to JSON")
    values = np.array([item.value for item in result.regressions], dtype=np.float32)
    return _document("results", f"[{', '.join(_decimals(values))}]")


def render_error(message: str) -> bytes:
    """TF Serving's error body."""
    return _document("error", json.dumps(message))


def _document(key: str, value: str) -> bytes:
    return f'{{\n    "{key}": {value}\n}}\n'.encode()


def _object(values: Mapping[str, str], indent: int) -> str:
    inner = " " * (indent + 4)
    members = f",\n{inner}".join(f"{json.dumps(name, ensure_ascii=False)}: {value}" for name, value in values.items())
    return f"{{\n{inner}{members}\n{' ' * indent}}}"


def _common_batch_size(outputs: Mapping[str, tensor_pb2.TensorProto]) -> int:
    """The first dimension, which row format needs to be the same in all outputs."""
    batch_size: int | None = None
    for name in sorted(outputs):
        shape = tensors.shape_of(outputs[name])
        if not shape:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if batch_size is not None and shape[0] != batch_size:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {shape[0]} expecting: {batch_size}")
        batch_size = shape[0]
    return batch_size or 0


def _render_tensor(name: str, tensor: tensor_pb2.TensorProto, outer: int) -> list[str]:
    """JSON texts of a tensor, one for each element of its first `outer` dimensions."""
    shape = tensors.shape_of(tensor)
    texts = _render_leaves(name, tensor)
    for axis in reversed(range(outer, len(shape))):
        size = shape[axis]
        groups = int(np.prod(shape[:axis], dtype=np.int64))
        texts = [f"[{', '.join(texts[group * size : (group + 1) * size])}]" for group in range(groups)]
    return texts


def _render_leaves(name: str, tensor: tensor_pb2.TensorProto) -> list[str]:
    """JSON texts of a tensor's values in order."""
    dtype = tensor.dtype
    if dtype == types_pb2.DT_STRING:
        as_bytes = name.endswith("_bytes")
        return [_render_string(value, as_bytes) for value in tensors.to_array(tensor).ravel().tolist()]
    if dtype in FLOATS:
        values = tensors.to_array(tensor).ravel()
        return _decimals(values if values.dtype == np.float64 else values.astype(np.float32))
    if dtype in INTEGERS:
        return [str(value) for value in tensors.to_array(tensor).ravel().tolist()]
    if dtype == types_pb2.DT_BOOL:
        return ["true" if value else "false" for value in tensors.to_array(tensor).ravel().tolist()]
    raise invalid(f"Failed to write JSON value for tensor type: {tensors.dtype_name(dtype)}")


def _render_string(value: bytes, as_bytes: bool) -> str:
    if not as_bytes:
        try:
            return json.dumps(value.decode(), ensure_ascii=False)
        except UnicodeDecodeError:
            pass  # bytes under a name that does not say so; see the module's docstring
    return f'{{"b64": "{base64.b64encode(value).decode()}"}}'


def _decimals(values: npt.NDArray[Any]) -> list[str]:
    """Float32 or float64 values as JSON numbers that read back as the same values, `[size]`."""
    numbers = values.tolist()
    short = [f"{number:.6g}" for number in numbers]
    exact = np.array([float(text) for text in short]).astype(values.dtype) == values
    digits = 9 if values.dtype.itemsize == 4 else 17
    return [_decimal(number, text, same, digits) for number, text, same in zip(numbers, short, exact, strict=True)]


def _decimal(number: float, short: str, exact: bool, digits: int) -> str:
    if number != number:  # noqa: PLR0124 - only NaN differs from itself
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    text = short if exact else f"{number:.{digits}g}"
    return text if "." in text or "e" in text else f"{text}.0"
