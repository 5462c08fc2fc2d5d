"""Any bytes are a request or the client's error, and tensors survive the way there and back."""

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from serving import tensors
from serving.errors import Code, ServingError
from serving.gateway.v2 import open_inference_pb2 as pb
from serving.gateway.v2.datatypes import datatype_of, empty_tensor
from serving.gateway.v2.grpc_tensors import request_from_proto, response_to_proto
from serving.gateway.v2.inference import InferAnswer
from serving.gateway.v2.json_tensors import json_data, tensor_from_json
from serving.gateway.v2.raw_tensors import fill_from_raw, raw_of
from serving.gateway.v2.rest_request import parse_infer

NUMBERS = st.sampled_from(
    ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
ARRAYS = NUMBERS.flatmap(lambda kind: arrays.arrays(np.dtype(kind), SHAPES))
STRINGS = st.lists(st.binary(max_size=10), max_size=5)


def refused_or(read, *arguments):
    try:
        return read(*arguments)
    except ServingError as error:
        if error.code is not Code.INVALID_ARGUMENT:
            raise
        return None


@given(ARRAYS)
def test_numbers_survive_raw(array):
    tensor = tensors.to_proto(array)
    back = empty_tensor("x", datatype_of(tensor.dtype), array.shape)
    fill_from_raw("x", back, raw_of(tensor))

    np.testing.assert_array_equal(tensors.to_array(back), array)


@given(STRINGS)
def test_strings_survive_raw(values):
    tensor = tensors.to_proto(np.array(values, dtype=object).reshape(-1))
    back = empty_tensor("x", "BYTES", [len(values)])
    fill_from_raw("x", back, raw_of(tensor))

    assert list(back.string_val) == values


@given(ARRAYS.filter(lambda array: np.isfinite(array.astype(np.float64)).all()))
def test_numbers_survive_json(array):
    tensor = tensors.to_proto(array)
    data = json.loads(json.dumps(json_data("x", tensor)))
    with suppress(ServingError):  # whole numbers that a float can't hold exactly are refused
        back = tensor_from_json("x", datatype_of(tensor.dtype), list(array.shape), data, {})
        np.testing.assert_array_equal(tensors.to_array(back), array)


@given(ARRAYS)
def test_numbers_survive_grpc(array):
    answer = InferAnswer("m", 1, {"x": tensors.to_proto(array)})
    for raw in (False, True):
        sent = response_to_proto(answer, request_id="", raw=raw)
        output = sent.outputs[0]
        request = pb.ModelInferRequest(raw_input_contents=sent.raw_output_contents)
        request.inputs.add(name="x", datatype=output.datatype, shape=output.shape)
        if not sent.raw_output_contents:
            request.inputs[0].contents.CopyFrom(output.contents)
        np.testing.assert_array_equal(tensors.to_array(request_from_proto(request).inputs["x"]), array)


def test_bfloat16_survives_raw():
    back = empty_tensor("x", "BF16", [2])
    fill_from_raw("x", back, b"\x80\x3f\x00\x40")

    assert tensors.to_array(back).tolist() == [1.0, 2.0]
    assert raw_of(back) == b"\x80\x3f\x00\x40"


@given(st.binary(max_size=60), st.integers(0, 4))
def test_any_raw_bytes(raw, count):
    for datatype in ("BYTES", "FP32", "BF16"):
        refused_or(fill_from_raw, "x", empty_tensor("x", datatype, [count]), raw)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
_TENSOR = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("x") | _JSON,
        "datatype": st.sampled_from(["BYTES", "FP32", "INT8", "FP16"]) | _JSON,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | _JSON,
        "data": st.lists(_JSON, max_size=3) | _JSON,
        "parameters": st.fixed_dictionaries(
            {}, optional={"binary_data_size": st.integers(-1, 9) | _JSON, "content_type": st.just("base64")}
        ),
    },
)


@given(
    st.fixed_dictionaries(
        {"inputs": st.lists(_TENSOR, max_size=2)}, optional={"outputs": st.lists(_TENSOR), "id": _JSON}
    ),
    st.binary(max_size=20),
)
def test_any_json_with_any_bytes_behind(document, binary):
    text = json.dumps(document).encode()
    refused_or(parse_infer, text + binary, str(len(text)), "m", "1")


@given(st.binary(max_size=40), st.none() | st.text(max_size=10))
def test_any_body_with_any_length(body, length):
    refused_or(parse_infer, body, length, "m", "1")


@given(st.binary(max_size=200))
def test_any_grpc_message(data):
    try:
        message = pb.ModelInferRequest.FromString(data)
    except Exception:  # noqa: BLE001 - protobuf's own error; gRPC answers it before the gateway sees the message
        return
    refused_or(request_from_proto, message)


@pytest.mark.parametrize("data", [[[1, 2], [3]], [[[1]], [[2]]], [1, [2]]])
def test_uneven_or_misshaped_nesting_is_refused(data):
    with pytest.raises(ServingError, match="x"):
        tensor_from_json("x", "INT32", [2, 2], data, {})
