"""What the annotation of a configuration's field says."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The parts of a union; any other annotation alone."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def plain_types(annotation: Any) -> Iterator[Any]:
    """The types in an annotation, out of their unions and without what `Annotated` adds."""
    for part in alternatives(annotation):
        if typing.get_origin(part) is typing.Annotated:
            yield from plain_types(typing.get_args(part)[0])
        else:
            yield part


def is_section(annotation: Any) -> bool:
    """Whether it is a part of the configuration with keys of its own."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def section_in(annotation: Any) -> type[BaseModel] | None:
    """The section's class in an annotation such as `Section` or `Section | None`."""
    return next((part for part in plain_types(annotation) if is_section(part)), None)
