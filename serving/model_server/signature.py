"""What a signature asks of a request, checked before anything runs.

Wording as in TF Serving's predict_util.cc where it has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from serving import tensors
from serving.errors import Code, ServingError
from serving.protos import meta_graph_pb2, tensor_pb2, tensor_shape_pb2

DEFAULT_SIGNATURE = "serving_default"

# A reference variable's DataType is its value's plus 100 (types.proto).
_REFERENCE_OFFSET = 100


def read_inputs(
    signature_name: str, signature: meta_graph_pb2.SignatureDef, given: Mapping[str, tensor_pb2.TensorProto]
) -> dict[str, npt.NDArray[Any]]:
    """The arrays that a signature will run on, defaults filled in.

    Raises:
        ServingError: INVALID_ARGUMENT when an input is missing, unknown, or has another dtype or shape than the
            signature says.
    """
    expected = set(signature.inputs)
    missing = expected - set(given) - set(signature.defaults)
    surplus = set(given) - expected
    if missing or surplus:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"input size does not match signature: {len(given)}!={len(expected)} len({_braces(given)}) != "
            f"len({_braces(expected)}). Sent extra: {_braces(surplus)}. Missing but required: {_braces(missing)}.",
        )
    arrays = {}
    for name, info in signature.inputs.items():
        tensor = given[name] if name in given else signature.defaults[name]
        if tensor.dtype != info.dtype % _REFERENCE_OFFSET:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f'input "{name}" of signature "{signature_name}" expects dtype '
                f"{tensors.dtype_name(info.dtype % _REFERENCE_OFFSET)}, but got {tensors.dtype_name(tensor.dtype)}",
            )
        try:
            array = tensors.to_array(tensor)
        except ServingError as error:
            raise ServingError(error.code, f"tensor parsing error: {name}: {error.message}") from error
        if not _fits(array.shape, info.tensor_shape):
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f'input "{name}" of signature "{signature_name}" expects shape {_shape_text(info.tensor_shape)}, '
                f"but got {list(array.shape)}",
            )
        arrays[name] = array
    return arrays


def choose_outputs(signature: meta_graph_pb2.SignatureDef, output_filter: Sequence[str]) -> list[str]:
    """The outputs to compute: those of the filter, or all.

    Raises:
        ServingError: INVALID_ARGUMENT when the filter names an unknown output, or one twice.
    """
    if not output_filter:
        return sorted(signature.outputs)
    seen: set[str] = set()
    for name in output_filter:
        if name not in signature.outputs:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                f"{_braces(signature.outputs)}.",
            )
        if name in seen:
            raise ServingError(Code.INVALID_ARGUMENT, f"duplicate output tensor alias: {name}")
        seen.add(name)
    return list(output_filter)


def _fits(shape: tuple[int, ...], expected: tensor_shape_pb2.TensorShapeProto) -> bool:
    if expected.unknown_rank:
        return True
    sizes = [dim.size for dim in expected.dim]
    return len(sizes) == len(shape) and all(want in (-1, got) for want, got in zip(sizes, shape, strict=True))


def _shape_text(shape: tensor_shape_pb2.TensorShapeProto) -> str:
    if shape.unknown_rank:
        return "of any rank"
    return f"[{', '.join('?' if dim.size == -1 else str(dim.size) for dim in shape.dim)}]"


def _braces(names: Any) -> str:
    return f"{{{','.join(sorted(names))}}}"
