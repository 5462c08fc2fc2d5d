"""The reference of `darkroom.yaml`, generated from the model so that it cannot say something else."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from darkroom.configuration.model import DarkroomConfig

_INTRODUCTION = """\
# Configuration reference

Generated from the configuration model by `darkroom config reference`; do not edit. One file, `darkroom.yaml`, describes
a run completely. Every key has a default; an unknown key is an error that names the nearest known one. Relative paths
are relative to the file. `darkroom run --set section.key=value` overrides a key for one run, and
`darkroom config check` prints the whole configuration with the defaults filled in. `darkroom.schema.json` beside this
page is the JSON schema, for editors.
"""


def reference_markdown() -> str:
    """A section for each part of the configuration, a table row for each key."""
    parts = [_INTRODUCTION]
    for name, field in DarkroomConfig.model_fields.items():
        parts.append(f"## {name}\n\n{field.description or ''}\n")
        rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            rows += [_row(key, inner) for key, inner in _keys(section, name)]
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def _keys(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        yield f"{prefix}.{name}", field
        inner = next((part for part in _alternatives(field.annotation) if _is_section(part)), None)
        if inner is not None:
            yield from _keys(inner, f"{prefix}.{name}")


def _row(key: str, field: FieldInfo) -> str:
    limits = "".join(_limits(field.metadata))
    cells = [f"`{key}`", _type(field.annotation) + limits, _default(field), field.description or ""]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


_NAMES = {str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null"}


def _type(annotation: Any) -> str:  # noqa: PLR0911 - one return for each kind of type
    alternatives = _alternatives(annotation)
    if len(alternatives) > 1:
        return " or ".join(_type(part) for part in alternatives)
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        base, *metadata = typing.get_args(annotation)
        return _type(base) + "".join(_limits(metadata))
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(annotation))
    if origin in (tuple, list):
        parts = [part for part in typing.get_args(annotation) if part is not Ellipsis]
        length = f"{len(parts)} × " if len(parts) > 1 else ""
        return f"list of {length}{_type(parts[0])}"
    if origin is dict:
        key, value = typing.get_args(annotation)
        return f"mapping of {_type(key)} to {_type(value)}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{member.value}`" for member in annotation)
    if _is_section(annotation):
        return "section"
    return _NAMES.get(annotation, getattr(annotation, "__name__", str(annotation)))


_SIGNS = ((Ge, "ge", "≥"), (Gt, "gt", ">"), (Le, "le", "≤"), (Lt, "lt", "<"))


def _limits(metadata: list[Any]) -> Iterator[str]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _limits(item.metadata)
        for kind, attribute, sign in _SIGNS:
            if isinstance(item, kind):
                yield f" {sign} {getattr(item, attribute)}"
        if isinstance(item, MinLen):
            yield f", at least {item.min_length}"
        if isinstance(item, MaxLen):
            yield f", at most {item.max_length}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, tuple):
        value = [item.value if isinstance(item, Enum) else item for item in value]
    return f"`{json.dumps(value)}`"
