"""A request body, parsed once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from serving.rest_json.quoting import invalid, quote
from serving.rest_json.values import encode


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A parsed request body.

    Attributes:
        document: the JSON object.
        signature_name: the signature asked for, empty for the default one.
    """

    document: dict[str, Any]
    signature_name: str


def parse_body(body: bytes) -> JsonBody:
    """Parse a request body once, so that the signature can be looked up before its tensors are read.

    Raises:
        ServingError: INVALID_ARGUMENT when the body is empty, not UTF-8, not JSON, nested too deeply, not an object, or
            `signature_name` is not a string.
    """
    if not body.strip():
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid encoding in string, not UTF-8. at offset: {error.start}") from error
    except json.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: {error.msg} at offset: {error.pos}") from error
    except ValueError as error:  # a number with thousands of digits
        raise invalid(f"JSON Parse error: {error}") from error
    except RecursionError as error:
        raise invalid("JSON Parse error: the document is nested too deeply") from error
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {quote(document)} Is not object")
    signature_name = document.get("signature_name", "")
    if not isinstance(signature_name, str):
        raise invalid(
            f"JSON Value: {quote(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    encode(signature_name)
    return JsonBody(document, signature_name)


def peek_signature_name(body: bytes) -> str:
    """The signature that a body asks for, empty for the default one; parses the whole body, like `parse_body`."""
    return parse_body(body).signature_name
