"""`data.span`: which spans are taken, and the patterns that name them.

A span is one delivery of data, with a number of its own or with its date. The rules are those of TFX's
`tfx.components.example_gen.utils`, without its imports, which take seconds: `{SPAN}` or `{SPAN:4}` (four digits), or
each of `{YYYY}`, `{MM}` and `{DD}` once; beside them at most one `{VERSION}` or `{VERSION:2}`.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, WrapValidator
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from darkroom.configuration.section import Section

SPAN = re.compile(r"\{SPAN(?::(?P<width>.*?))?\}")
VERSION = re.compile(r"\{VERSION(?::(?P<width>.*?))?\}")
DATE_SPECS = ("{YYYY}", "{MM}", "{DD}")


class LastSpans(Section):
    """A rolling window."""

    last: Annotated[int, Field(ge=1)] = Field(description="How many of the newest spans; fewer while there are fewer.")


def _in_one_sentence(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Pydantic would name every alternative that did not fit on a line of its own."""
    try:
        # To pydantic true and 86400.0 are seconds since 1970, and so dates.
        if not isinstance(value, bool | float):
            return handler(value)
        cause = None
    except ValidationError as error:
        cause = error
    raise ValueError(
        "must be latest, all, a span's number (7), its date (2026-11-20) or a window of the newest ({last: 3})"
    ) from cause


SpanChoice = Annotated[
    Literal["latest", "all"] | Annotated[int, Field(ge=0)] | date | LastSpans, WrapValidator(_in_one_sentence)
]


def has_span(path: str) -> bool:
    """Whether a path is a pattern of spans."""
    return SPAN.search(path) is not None or any(spec in path for spec in DATE_SPECS)


def check_span_pattern(path: str) -> None:
    """Refuses what TFX refuses.

    Raises:
        ValueError: a placeholder is there twice, or lacks what it needs, or its width is no number.
    """
    spans, versions = list(SPAN.finditer(path)), list(VERSION.finditer(path))
    dates = [path.count(spec) for spec in DATE_SPECS]
    if spans and any(dates):
        raise ValueError(f"{path!r} has both {{SPAN}} and parts of a date; a span has either")
    if len(spans) > 1:
        raise ValueError(f"{path!r} has {{SPAN}} {len(spans)} times; once is enough")
    if any(dates) and dates != [1, 1, 1]:
        raise ValueError(f"{path!r} needs each of {', '.join(DATE_SPECS)} exactly once")
    if versions and not spans and not any(dates):
        raise ValueError(f"{path!r} has {{VERSION}}, which is one of a span, but neither {{SPAN}} nor a date")
    if len(versions) > 1:
        raise ValueError(f"{path!r} has {{VERSION}} {len(versions)} times; once is enough")
    for found in (*spans, *versions):
        width = found["width"]
        if width is not None and not (width.isdecimal() and int(width) > 0):
            raise ValueError(f"{found[0]} in {path!r}: the width must be a number above 0, as in {{SPAN:4}}")
