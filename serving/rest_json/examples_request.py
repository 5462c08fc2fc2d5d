"""Classify and Regress requests in JSON: `examples` to tf.Examples."""

from __future__ import annotations

from typing import Any

from serving.protos import input_pb2, types_pb2
from serving.rest_json.body import JsonBody, parse_body
from serving.rest_json.quoting import invalid, kind_name, quote
from serving.rest_json.values import encode, floats, is_base64, string


def parse_examples(body: bytes | JsonBody) -> input_pb2.Input:
    """The examples of a Classify or Regress request.

    A feature is a number, a string, a bool, `{"b64": …}` or a list of them: whole numbers and bools become int64,
    numbers with a decimal point or exponent float, the others bytes.

    Raises:
        ServingError: INVALID_ARGUMENT when `examples` is missing, empty or holds something else.
    """
    parsed = body if isinstance(body, JsonBody) else parse_body(body)
    document = parsed.document
    result = input_pb2.Input()
    examples: Any = result.example_list.examples
    if "context" in document:
        _fill_example(document["context"], result.example_list_with_context.context)
        examples = result.example_list_with_context.examples
    if "examples" not in document:
        raise invalid(
            f"JSON Value: {quote(document)} When method is classify, key 'examples' is expected and was not found"
        )
    values = document["examples"]
    if not isinstance(values, list):
        raise invalid(f"JSON Value: {quote(document)} Expecting 'examples' value to be an list/array")
    if not values:
        raise invalid(f"JSON Value: {quote(document)} 'examples' value is an empty array")
    for value in values:
        _fill_example(value, examples.add())
    return result


def _fill_example(value: Any, example: Any) -> None:
    """Fill a tf.Example from a JSON object."""
    if type(value) is not dict:
        raise invalid(f"Example must be JSON object but got JSON {kind_name(value)}")
    for name, content in value.items():
        encode(name)
        feature = example.features.feature[name]
        for item in content if type(content) is list else [content]:
            _add_to_feature(item, name, feature)


def _add_to_feature(value: Any, name: str, feature: Any) -> None:
    kind: str
    converted: Any
    if type(value) is bool:
        kind, converted = "int64_list", int(value)
    elif type(value) is int:
        if value > 2**63 - 1:
            raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
        if value < -(2**63):
            raise invalid(f"Feature: {name} has an element below the range of int64.")
        kind, converted = "int64_list", value
    elif type(value) is float:
        kind, converted = "float_list", float(floats([value], types_pb2.DT_FLOAT)[0])
    elif type(value) is str or is_base64(value):
        kind, converted = "bytes_list", string(value)
    else:
        raise invalid(f"Feature: {name} has element with unexpected JSON type: {kind_name(value)}")
    present = feature.WhichOneof("kind")
    if present not in (None, kind):
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {present.removesuffix('_list')}")
    getattr(feature, kind).value.append(converted)
