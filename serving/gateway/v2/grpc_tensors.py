"""Tensors in the protocol's gRPC messages: raw, or in `contents`."""

from __future__ import annotations

from typing import Any

from serving import tensors
from serving.errors import Code, ServingError
from serving.gateway.v2 import open_inference_pb2
from serving.gateway.v2.datatypes import check_count, dtype_of, empty_tensor, invalid, output_datatype
from serving.gateway.v2.inference import SIGNATURE_PARAMETER, InferAnswer, InferRequest
from serving.gateway.v2.raw_tensors import fill_from_raw, raw_of
from serving.protos import tensor_pb2, types_pb2

# DataType -> (the field of `contents`, the field of TensorProto).
_FIELDS = {
    types_pb2.DT_BOOL: ("bool_contents", "bool_val"),
    types_pb2.DT_INT8: ("int_contents", "int_val"),
    types_pb2.DT_INT16: ("int_contents", "int_val"),
    types_pb2.DT_INT32: ("int_contents", "int_val"),
    types_pb2.DT_INT64: ("int64_contents", "int64_val"),
    types_pb2.DT_UINT8: ("uint_contents", "int_val"),
    types_pb2.DT_UINT16: ("uint_contents", "int_val"),
    types_pb2.DT_UINT32: ("uint_contents", "uint32_val"),
    types_pb2.DT_UINT64: ("uint64_contents", "uint64_val"),
    types_pb2.DT_FLOAT: ("fp32_contents", "float_val"),
    types_pb2.DT_DOUBLE: ("fp64_contents", "double_val"),
    types_pb2.DT_STRING: ("bytes_contents", "string_val"),
}


def request_from_proto(message: open_inference_pb2.ModelInferRequest) -> InferRequest:
    """Read a request.

    Raises:
        ServingError: INVALID_ARGUMENT that says what is wrong where.
    """
    raws = message.raw_input_contents
    if raws and len(raws) != len(message.inputs):
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"raw_input_contents has {len(raws)} entries for {len(message.inputs)} inputs; it needs one for each",
        )
    if not message.inputs:
        raise ServingError(Code.INVALID_ARGUMENT, "the request has no inputs")
    inputs: dict[str, tensor_pb2.TensorProto] = {}
    for index, item in enumerate(message.inputs):
        if item.name in inputs:
            raise invalid(item.name, "is there twice")
        tensor = inputs[item.name] = empty_tensor(item.name, item.datatype, item.shape)
        if not raws:
            _fill_from_contents(item, tensor)
        elif item.HasField("contents"):
            raise invalid(item.name, "has contents although the request has raw_input_contents")
        else:
            fill_from_raw(item.name, tensor, raws[index])
    return InferRequest(
        message.model_name,
        message.model_version,
        message.parameters[SIGNATURE_PARAMETER].string_param if SIGNATURE_PARAMETER in message.parameters else "",
        inputs,
        tuple(item.name for item in message.outputs),
    )


def response_to_proto(answer: InferAnswer, *, request_id: str, raw: bool) -> open_inference_pb2.ModelInferResponse:
    """Write an answer: raw as the request was, or because a tensor's type has no contents."""
    message = open_inference_pb2.ModelInferResponse(
        model_name=answer.model, model_version=str(answer.version), id=request_id
    )
    raw = raw or any(tensor.dtype not in _FIELDS for tensor in answer.outputs.values())
    for name, tensor in answer.outputs.items():
        output = message.outputs.add(
            name=name,
            datatype=output_datatype(name, tensor),
            shape=[dim.size for dim in tensor.tensor_shape.dim],
        )
        if raw:
            message.raw_output_contents.append(raw_of(tensor))
        else:
            getattr(output.contents, _FIELDS[tensor.dtype][0]).extend(tensors.to_array(tensor).ravel().tolist())
    return message


def _fill_from_contents(item: Any, tensor: tensor_pb2.TensorProto) -> None:
    if tensor.dtype not in _FIELDS:
        raise invalid(item.name, f"of datatype {item.datatype} must travel in raw_input_contents")
    source, target = _FIELDS[tensor.dtype]
    for field, _ in item.contents.ListFields():
        if field.name != source:
            raise invalid(item.name, f"of datatype {item.datatype} must lie in {source}, not in {field.name}")
    values = getattr(item.contents, source)
    check_count(item.name, tensor, len(values))
    getattr(tensor, target).extend(values)
    if dtype_of(item.datatype, item.name) != types_pb2.DT_STRING:
        try:
            tensors.to_array(tensor)  # whether each value fits the type
        except ServingError as error:
            raise invalid(item.name, f"has values that don't fit: {error.message}") from error
