"""The reference of `darkroom.yaml`, generated from the model so that it cannot say something else."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from darkroom.configuration.annotations import alternatives, is_section, section_in
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
        inner = section_in(field.annotation)
        if inner is not None:
            yield from _keys(inner, f"{prefix}.{name}")


def _row(key: str, field: FieldInfo) -> str:
    limits = "".join(_limits(field.metadata))
    cells = [f"`{key}`", _type(field.annotation) + limits, _default(field), field.description or ""]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


_NAMES = {str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null"}


def _type(annotation: Any) -> str:  # noqa: PLR0911 - one return for each kind of type
    parts = alternatives(annotation)
    if len(parts) > 1:
        return " or ".join(_type(part) for part in parts)
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        base, *metadata = typing.get_args(annotation)
        return _type(base) + "".join(_limits(metadata))
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(annotation))
    if origin in (tuple, list):
        items = [part for part in typing.get_args(annotation) if part is not Ellipsis]
        length = f"{len(items)} × " if len(items) > 1 else ""
        return f"list of {length}{_type(items[0])}"
    if origin is dict:
        key, value = typing.get_args(annotation)
        return f"mapping of {_type(key)} to {_type(value)}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{member.value}`" for member in annotation)
    if is_section(annotation):
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
    return f"`{json.dumps(value, default=_plain)}`"


def _plain(section: BaseModel) -> dict[str, Any]:
    """A section among the values of a mapping, as it would stand in the file."""
    return section.model_dump(mode="json", exclude_defaults=True)
