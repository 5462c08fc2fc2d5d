import base64
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving import rest_json, tensors
from serving.errors import Code, ServingError
from serving.protos import classification_pb2, meta_graph_pb2, regression_pb2, types_pb2
from serving.rest_json import RequestFormat


def signature(**dtypes) -> meta_graph_pb2.SignatureDef:
    result = meta_graph_pb2.SignatureDef()
    for name, dtype in dtypes.items():
        result.inputs[name].dtype = dtype
    return result


FLOAT = signature(x=types_pb2.DT_FLOAT)
STRING = signature(s=types_pb2.DT_STRING)
TWO = signature(a=types_pb2.DT_FLOAT, b=types_pb2.DT_STRING)


def parse(body, sig):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    inputs, request_format = rest_json.parse_predict(body, sig)
    return {name: tensors.to_array(tensor) for name, tensor in inputs.items()}, request_format


def test_importing_and_using_it_brings_no_tensorflow():
    code = (
        "import sys; from serving import rest_json, tensors, http_server; rest_json.parse_body(b'{}'); "
        "assert not [name for name in sys.modules if name == 'tensorflow' or name.startswith('tensorflow.python')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("body", "sig", "expected", "request_format"),
    [
        ({"instances": [1.0, 2, 5.0]}, FLOAT, {"x": [1.0, 2.0, 5.0]}, RequestFormat.ROW),
        ({"instances": [{"x": 1.0}, {"x": 2.0}]}, FLOAT, {"x": [1.0, 2.0]}, RequestFormat.ROW),
        ({"instances": [[], []]}, FLOAT, {"x": [[], []]}, RequestFormat.ROW),
        ({"instances": [[[1], [2]]]}, FLOAT, {"x": [[[1.0], [2.0]]]}, RequestFormat.ROW),
        ({"inputs": 3}, FLOAT, {"x": 3.0}, RequestFormat.COLUMNAR),
        ({"inputs": [[1, 2], [3, 4]]}, FLOAT, {"x": [[1.0, 2.0], [3.0, 4.0]]}, RequestFormat.COLUMNAR),
        ({"inputs": {"x": [1]}}, FLOAT, {"x": [1.0]}, RequestFormat.COLUMNAR),
        ({"inputs": []}, FLOAT, {"x": []}, RequestFormat.COLUMNAR),
        ({"instances": ["a", "é"]}, STRING, {"s": [b"a", "é".encode()]}, RequestFormat.ROW),
        ({"instances": [{"b64": "AP8="}, "b"]}, STRING, {"s": [b"\x00\xff", b"b"]}, RequestFormat.ROW),
        ({"instances": [{"s": {"b64": "AP8"}}]}, STRING, {"s": [b"\x00\xff"]}, RequestFormat.ROW),
        ({"inputs": {"b64": "AP8="}}, STRING, {"s": b"\x00\xff"}, RequestFormat.COLUMNAR),
        ({"inputs": {"b64": ""}}, STRING, {"s": b""}, RequestFormat.COLUMNAR),
        (
            {"instances": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]},
            TWO,
            {"a": [1.0, 2.0], "b": [b"x", b"y"]},
            RequestFormat.ROW,
        ),
        ({"inputs": {"a": [1, 2, 3], "b": "x"}}, TWO, {"a": [1.0, 2.0, 3.0], "b": b"x"}, RequestFormat.COLUMNAR),
        ({"instances": [True, False]}, signature(t=types_pb2.DT_BOOL), {"t": [True, False]}, RequestFormat.ROW),
        ({"instances": [-128, 127]}, signature(t=types_pb2.DT_INT8), {"t": [-128, 127]}, RequestFormat.ROW),
        ({"instances": [2**64 - 1]}, signature(t=types_pb2.DT_UINT64), {"t": [2**64 - 1]}, RequestFormat.ROW),
        ({"instances": [-(2**63)]}, signature(t=types_pb2.DT_INT64), {"t": [-(2**63)]}, RequestFormat.ROW),
    ],
)
def test_requests_become_tensors(body, sig, expected, request_format):
    arrays, found = parse(body, sig)
    assert found is request_format
    assert {name: array.tolist() for name, array in arrays.items()} == expected


def test_bare_nan_and_infinity_are_read():
    arrays, _ = parse(b'{"instances": [NaN, Infinity, -Infinity]}', FLOAT)
    assert math.isnan(arrays["x"][0])
    assert arrays["x"][1:].tolist() == [math.inf, -math.inf]


def test_an_input_with_a_default_may_be_left_out():
    sig = signature(a=types_pb2.DT_FLOAT, b=types_pb2.DT_FLOAT)
    sig.defaults["b"].CopyFrom(tensors.to_proto(np.float32(2.0)))
    assert set(parse({"inputs": {"a": 1}}, sig)[0]) == {"a"}


@pytest.mark.parametrize(
    ("body", "sig", "words"),
    [
        (b"", FLOAT, "JSON Parse error: The document is empty"),
        (b"{", FLOAT, "JSON Parse error"),
        (b'{"instances": [1,]}', FLOAT, "JSON Parse error"),
        (b'{"instances": [\xff]}', FLOAT, "not UTF-8"),
        (b"[1]", FLOAT, "JSON Value: [1] Is not object"),
        (b"null", FLOAT, "JSON Value: null Is not object"),
        (b'{"instances":' + b"[" * 100_000, FLOAT, "nested too deeply"),
        (b'{"instances":' + b"[" * 300 + b"]" * 300 + b"}", FLOAT, "at most 64 dimensions"),
        (b'{"instances": [' + b"9" * 10_000 + b"]}", FLOAT, "JSON Parse error"),
        ({}, FLOAT, "Missing 'inputs' or 'instances' key"),
        ({"instances": [1], "inputs": [1]}, FLOAT, "expecting only one of 'inputs' or 'instances'"),
        ({"instances": 1}, FLOAT, "Excepting 'instances' to be an list/array"),
        ({"instances": []}, FLOAT, "No values in 'instances' array"),
        ({"signature_name": 1, "instances": [1]}, FLOAT, "'signature_name' key must be a string value."),
        ({"instances": ["a"]}, FLOAT, 'JSON Value: "a" Type: String is not of expected type: float'),
        ({"instances": [True]}, FLOAT, "Type: True is not of expected type: float"),
        ({"instances": [None]}, FLOAT, "Type: Null is not of expected type: float"),
        ({"instances": [{"b64": "AA=="}]}, FLOAT, "Type: Object is not of expected type: float"),
        ({"instances": [1.5]}, signature(x=types_pb2.DT_INT32), "is not of expected type: int32"),
        ({"instances": [300]}, signature(x=types_pb2.DT_UINT8), "JSON Value: 300 Type: Number is not of expected"),
        ({"instances": [1]}, signature(x=types_pb2.DT_BOOL), "is not of expected type: bool"),
        ({"instances": [2**24]}, FLOAT, "Cannot convert JSON value: 16777216 to float without loss of precision."),
        ({"instances": [1e39]}, FLOAT, "Cannot convert JSON value: 1e+39 to float without loss of precision."),
        ({"instances": [2**53]}, signature(x=types_pb2.DT_DOUBLE), "to double without loss of precision."),
        ({"instances": [[1, 2], [3]]}, FLOAT, "element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting"),
        ({"instances": [[[1, 2]], [[1], [2]]]}, FLOAT, "Expecting shape [1,2] but got: [2,1]"),
        ({"instances": [[1], 2]}, FLOAT, "Expecting shape [1] but got: []"),
        ({"instances": [1, [2]]}, FLOAT, "Expecting shape [] but got: [1]"),
        ({"inputs": [[1, 2], [3]]}, FLOAT, "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ({"inputs": [1, [2]]}, FLOAT, "Encountered list at unexpected level"),
        ({"inputs": [[1], 2]}, FLOAT, "JSON Value: 2 found at incorrect level"),
        ({"instances": [1, {"x": 2}]}, FLOAT, "Expecting value/list but got object at item 1 of input list"),
        ({"instances": [{"x": 2}, 1]}, FLOAT, "Expecting object but got list at item 1 of input list"),
        ({"instances": [{"y": 2}]}, FLOAT, "does not have named input: y"),
        ({"instances": [{"a": 2}]}, TWO, "keys must be equal to: a,b"),
        ({"instances": [1]}, TWO, "instances is a plain list, but expecting list of objects"),
        ({"inputs": [1]}, TWO, "inputs is a plain value/list, but expecting an object"),
        ({"inputs": {"a": 1}}, TWO, "Missing named input: b in 'inputs' object."),
        ({"inputs": {"x": 1, "z": 1}}, FLOAT, "Unknown named input: z"),
        ({"instances": [{"s": {"b64": 1}}]}, STRING, "not formatted correctly for base64 data"),
        ({"instances": [{"b64": "*"}]}, STRING, "Unable to base64 decode"),
        (b'{"instances": ["\\ud800"]}', STRING, "surrogate"),
        (b'{"signature_name": "\\ud800", "instances": [1]}', FLOAT, "surrogate"),
        ({"instances": [1]}, signature(), "Failed to get input map for signature: DEFAULT"),
    ],
)
def test_wrong_requests_are_invalid_arguments_with_tf_servings_words(body, sig, words):
    with pytest.raises(ServingError) as caught:
        parse(body, sig)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert words in caught.value.message
    assert len(caught.value.message) < 1000


def test_complex_input_is_unimplemented():
    with pytest.raises(ServingError) as caught:
        parse({"instances": [1]}, signature(x=types_pb2.DT_COMPLEX64))
    assert caught.value.code is Code.UNIMPLEMENTED


def test_signature_name_is_seen_before_the_tensors():
    body = rest_json.parse_body(b'{"signature_name": "other", "instances": [1]}')
    assert body.signature_name == "other"
    assert rest_json.peek_signature_name(b"{}") == ""
    assert rest_json.parse_predict(body, FLOAT)[1] is RequestFormat.ROW


def render(outputs, request_format=RequestFormat.ROW):
    return rest_json.render_predict(
        {name: tensors.to_proto(np.asarray(value)) for name, value in outputs.items()}, request_format
    )


def test_single_output_in_row_format_is_unnamed_and_written_as_tf_serving_writes_it():
    assert render({"y": np.float32([2.5, 3, 4.5])}) == b'{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}\n'


def test_several_outputs_in_row_format_are_objects():
    answer = json.loads(render({"a": np.float32([[1, 2], [3, 4]]), "b": np.array(["x", "y"], dtype=object)}))
    assert answer == {"predictions": [{"a": [1.0, 2.0], "b": "x"}, {"a": [3.0, 4.0], "b": "y"}]}


def test_columnar_format_answers_outputs():
    assert json.loads(render({"a": np.int64(3)}, RequestFormat.COLUMNAR)) == {"outputs": 3}
    two = json.loads(render({"a": np.int64([3]), "b": np.bool_([True])}, RequestFormat.COLUMNAR))
    assert two == {"outputs": {"a": [3], "b": [True]}}


def test_names_ending_in_bytes_are_base64():
    answer = json.loads(render({"image_bytes": np.array([b"\xff\x00"], dtype=object)}))
    assert answer == {"predictions": [{"b64": base64.b64encode(b"\xff\x00").decode()}]}


def test_strings_that_are_no_utf_8_do_not_break_the_document():
    assert json.loads(render({"s": np.array([b"\xff", b"ok"], dtype=object)})) == {
        "predictions": [{"b64": "/w=="}, "ok"]
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float32(0.2), "0.2"),
        (np.float32(1 / 3), "0.333333343"),
        (np.float32(9_000_000), "9e+06"),
        (np.float32(3e-5), "3e-05"),
        (np.float32(16_777_217), "16777216.0"),
        (np.float64(1 / 3), "0.33333333333333331"),
        (np.float32(-0.0), "-0.0"),
        (np.float32("nan"), "NaN"),
        (np.float32("inf"), "Infinity"),
        (np.float32("-inf"), "-Infinity"),
        (np.int64(-5), "-5"),
        (np.uint64(2**64 - 1), "18446744073709551615"),
        (np.bool_(False), "false"),
    ],
)
def test_numbers_are_written_as_tf_serving_writes_them(value, text):
    assert render({"y": np.asarray([value])}).decode() == f'{{\n    "predictions": [{text}\n    ]\n}}\n'


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"a": np.float32(1)}, "Tensor name: a has no shape information"),
        ({"a": np.float32([1]), "b": np.float32([1, 2])}, "b has inconsistent batch size: 2 expecting: 1"),
        ({"a": np.complex64([1])}, "Failed to write JSON value for tensor type: complex64"),
    ],
)
def test_outputs_that_cannot_be_rows_are_refused(outputs, words):
    with pytest.raises(ServingError) as caught:
        render(outputs)
    assert words in caught.value.message


FLOATS = {np.float32: types_pb2.DT_FLOAT, np.float64: types_pb2.DT_DOUBLE}
shapes = hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)


@given(st.sampled_from(list(FLOATS)).flatmap(lambda kind: hnp.arrays(kind, shapes)))
def test_floats_survive_the_round_trip_through_json(array):
    for request_format, key in ((RequestFormat.ROW, "instances"), (RequestFormat.COLUMNAR, "inputs")):
        answer = rest_json.render_predict({"x": tensors.to_proto(array)}, request_format)
        (value,) = json.loads(answer).values()
        body = b'{"%b": %b}' % (key.encode(), json.dumps(value).encode())
        back, found = parse(body, signature(x=FLOATS[array.dtype.type]))
        assert found is request_format
        np.testing.assert_array_equal(back["x"], array)


@given(hnp.arrays(np.int64, shapes))
def test_integers_survive_the_round_trip_through_json(array):
    (value,) = json.loads(render({"x": array})).values()
    back, _ = parse({"instances": value}, signature(x=types_pb2.DT_INT64))
    np.testing.assert_array_equal(back["x"], array)


@given(st.lists(st.one_of(st.text(), st.binary()), min_size=1, max_size=5), st.sampled_from(["s", "s_bytes"]))
def test_strings_survive_the_round_trip_through_json(values, name):
    array = np.empty(len(values), dtype=object)
    array[:] = [value.encode() if isinstance(value, str) else value for value in values]
    (value,) = json.loads(render({name: array})).values()
    back, _ = parse({"instances": value}, signature(s=types_pb2.DT_STRING))
    assert back["s"].tolist() == array.tolist()


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "b64", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(
    json_values, st.sampled_from(["instances", "inputs", "examples", "context"]), st.sampled_from([FLOAT, STRING, TWO])
)
def test_any_json_is_answered_or_refused_with_a_serving_error(value, key, sig):
    body = json.dumps({key: value, "examples": [{}]} if key == "context" else {key: value}).encode()
    for read in (lambda: rest_json.parse_predict(body, sig), lambda: rest_json.parse_examples(body)):
        try:
            read()
        except ServingError as error:
            error.message.encode()  # can be sent


@given(st.binary(max_size=50))
def test_any_bytes_are_refused_or_parsed(data):
    try:
        rest_json.parse_body(data)
    except ServingError as error:
        assert error.code is Code.INVALID_ARGUMENT  # noqa: PT017


def test_examples_choose_the_feature_kind_by_the_json_type():
    source = rest_json.parse_examples(
        b'{"context": {"c": "k"}, "examples": [{"i": [1, true], "f": 1.0, "s": ["a", {"b64": "/w=="}], "none": []}]}'
    )
    context = source.example_list_with_context.context.features.feature
    features = source.example_list_with_context.examples[0].features.feature
    assert list(context["c"].bytes_list.value) == [b"k"]
    assert list(features["i"].int64_list.value) == [1, 1]
    assert list(features["f"].float_list.value) == [1.0]
    assert list(features["s"].bytes_list.value) == [b"a", b"\xff"]
    assert features["none"].WhichOneof("kind") is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"x": [1, 1.5]}]}, "Unexpected element type in feature: x expecting type: int64"),
        ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [[1]]}]}, "unexpected JSON type: Array"),
        ({"examples": [{"x": {"y": 1}}]}, "unexpected JSON type: Object"),
        ({"examples": [{"x": 2**63}]}, "has uint64 element. Only int64 is supported."),
        ({"examples": [{"x": 1e39}]}, "without loss of precision"),
    ],
)
def test_wrong_examples_are_invalid_arguments(body, words):
    with pytest.raises(ServingError) as caught:
        rest_json.parse_examples(json.dumps(body).encode())
    assert words in caught.value.message


def test_classification_and_regression_answer_results():
    classification = classification_pb2.ClassificationResult()
    classification.classifications.add().classes.add(label='a"', score=0.25)
    assert json.loads(rest_json.render_classification(classification)) == {"results": [[['a"', 0.25]]]}
    regression = regression_pb2.RegressionResult()
    regression.regressions.add(value=3.0)
    assert rest_json.render_regression(regression) == b'{\n    "results": [3.0]\n}\n'


def test_errors_have_tf_servings_body():
    assert json.loads(rest_json.render_error('no "x" \ud800')) == {"error": 'no "x" \ud800'}
