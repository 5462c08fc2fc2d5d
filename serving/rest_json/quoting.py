"""The parts of error messages that quote JSON, in TF Serving's (RapidJSON's) words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from serving import tensors
from serving.errors import Code, ServingError

# How much of a wrong JSON value an error message repeats; the whole may be megabytes of image.
MAX_QUOTED_CHARACTERS = 200

_JSON_KINDS = {dict: "Object", list: "Array", str: "String", int: "Number", float: "Number", type(None): "Null"}


def invalid(message: str) -> ServingError:
    """An INVALID_ARGUMENT error."""
    return ServingError(Code.INVALID_ARGUMENT, message)


def wrong_type(value: Any, dtype: int) -> ServingError:
    """The error for a JSON value that cannot become this DataType."""
    return invalid(
        f"JSON Value: {quote(value)} Type: {kind_name(value)} is not of expected type: {tensors.dtype_name(dtype)}"
    )


def kind_name(value: Any) -> str:
    """RapidJSON's name of a JSON type."""
    if type(value) is bool:
        return "True" if value else "False"
    return _JSON_KINDS.get(type(value), type(value).__name__)


def quote(value: Any) -> str:
    """The beginning of a JSON value, for a message; iterative, because the value may be deeply nested."""
    pieces: list[str] = []
    length = 0
    pending: list[Any] = [value]
    while pending and length <= MAX_QUOTED_CHARACTERS:
        piece = pending.pop()
        if isinstance(piece, _Raw):
            text = piece.text
        elif type(piece) is dict:
            text = "{"
            pending.append(_Raw("}"))
            members = list(piece.items())[:MAX_QUOTED_CHARACTERS]
            for index in reversed(range(len(members))):
                key, member = members[index]
                comma = ", " if index else ""
                pending += [member, _Raw(f"{comma}{json.dumps(key[:MAX_QUOTED_CHARACTERS])}: ")]
        elif type(piece) is list:
            text = "["
            pending.append(_Raw("]"))
            for index in reversed(range(min(len(piece), MAX_QUOTED_CHARACTERS))):
                pending.append(piece[index])
                if index:
                    pending.append(_Raw(", "))
        elif type(piece) is str:
            text = json.dumps(piece[: MAX_QUOTED_CHARACTERS + 1], ensure_ascii=False)
        else:
            text = json.dumps(piece)
        pieces.append(text)
        length += len(text)
    quoted = "".join(pieces).encode(errors="replace").decode()
    if length > MAX_QUOTED_CHARACTERS:
        return f"{quoted[:MAX_QUOTED_CHARACTERS]}…"
    return quoted


@dataclass(frozen=True, slots=True)
class _Raw:
    """Punctuation between the values that `quote` still has to write."""

    text: str
