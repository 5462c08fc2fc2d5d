"""Which spans there are, and which of them a run takes. Imports nothing slow: a schedule asks this often.

A span is a delivery of data that a path's placeholders name (`darkroom.configuration.span_section`). Its number is what
`{SPAN}` stands for, or the days from 1970-01-01 to its date, as in TFX.
"""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.span_section import DATE_SPECS, SPAN, VERSION, LastSpans, SpanChoice, has_span
from darkroom.errors import DataError
from pipeline.ingestion import storage

_EPOCH = date(1970, 1, 1)
_PLACEHOLDER = re.compile(
    "|".join(
        (
            SPAN.pattern.replace("width", "span_width"),
            VERSION.pattern.replace("width", "version_width"),
            *map(re.escape, DATE_SPECS),
        )
    )
)
_DATE_DIGITS = {"{YYYY}": ("year", 4), "{MM}": ("month", 2), "{DD}": ("day", 2)}
# How many spans a message names.
_NAMED = 5


class Span(BaseModel):
    """One span.

    Attributes:
        number: of the span; of a date, the days since 1970-01-01.
        name: its digits as they stand in the path, or the date in ISO 8601.
        version: the digits of the newest version; None without `{VERSION}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    name: str
    version: str | None = None

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name} version {self.version}"


@dataclass(frozen=True, slots=True)
class SpanSurvey:
    """What a schedule asks before it starts a run.

    Attributes:
        available: all spans, the oldest first.
        taken: those that a run of this configuration takes, the oldest first.
    """

    available: tuple[Span, ...]
    taken: tuple[Span, ...]


def survey_spans(config: DarkroomConfig) -> SpanSurvey | None:
    """The spans that a configuration's source has now, and those that a run would take.

    Returns:
        None where the source does not come in spans.

    Raises:
        DataError: there is no span, or not the one that is asked for, or one is there under two names.
    """
    if not config.data.has_spans:
        return None
    pattern = config.resolve(config.data.paths[0])
    available = available_spans(pattern, wildcards=config.data.source == "tfrecords")
    return SpanSurvey(available, choose_spans(available, config.data.span, pattern))


def available_spans(pattern: str, *, wildcards: bool = False) -> tuple[Span, ...]:
    """The spans that are there, the oldest first, each in its newest version.

    What stands at a placeholder's place and is no number is no span, and is passed over.

    Args:
        pattern: an absolute path or URL with placeholders; what follows `:` in one of an array names no file.
        wildcards: whether `*`, `?` and `[...]` in it stand for anything.

    Raises:
        DataError: the digits at a date's place are no date; a number is there with and without zeros before it.
    """
    file = re.sub(r"(\.npz):.*$", r"\1", pattern)
    found: dict[int, Span] = {}
    like, wanted = _glob(file, wildcards), _regex(file, wildcards)
    for path in storage.paths_like(like):
        match = wanted.match(path)
        if match is None or _hides(path, file):
            continue
        span = _span(match, path)
        before = found.get(span.number)
        if before is not None and before.name != span.name:
            raise DataError(
                f"{path}: span {span.number} is there as {before.name} and as {span.name}. Rename one of them, or give "
                "the width in the pattern, as in {SPAN:4}."
            )
        if before is None or int(before.version or 0) < int(span.version or 0):
            found[span.number] = span
    return tuple(found[number] for number in sorted(found))


def choose_spans(available: tuple[Span, ...], wanted: SpanChoice, pattern: str) -> tuple[Span, ...]:
    """The spans to take, the oldest first.

    Args:
        available: all of them, the oldest first.
        wanted: `data.span`.
        pattern: where they were looked for.

    Raises:
        DataError: there is none, or not the one that is wanted.
    """
    if not available:
        raise DataError(
            f"{pattern}: there is no span yet. Files or folders are looked for that have digits where the pattern has "
            "{SPAN}, or {YYYY}, {MM} and {DD}."
        )
    if wanted == "all":
        return available
    if isinstance(wanted, LastSpans):
        return available[-wanted.last :]
    if wanted == "latest":
        return available[-1:]
    number = (wanted - _EPOCH).days if isinstance(wanted, date) else wanted
    chosen = tuple(span for span in available if span.number == number)
    if not chosen:
        newest = ", ".join(span.name for span in available[-_NAMED:])
        raise DataError(f"{pattern}: there is no span {wanted}; the newest are {newest}. Set data.span.")
    return chosen


def fill_span(path: str, span: Span) -> str:
    """A path with a span's digits in the place of the placeholders.

    Raises:
        DataError: a placeholder's width is too small for the number.
    """

    def digits(found: re.Match[str]) -> str:
        if found[0] in _DATE_DIGITS:
            day = _EPOCH + timedelta(days=span.number)
            part, places = _DATE_DIGITS[found[0]]
            return str(getattr(day, part)).zfill(places)
        is_span = found[0].startswith("{SPAN")
        width = found["span_width"] if is_span else found["version_width"]
        text = span.name if is_span else span.version or ""
        if width is None:
            return text
        if len(text.lstrip("0")) > int(width):
            raise DataError(f"{path}: {found[0]} has no room for {text}")
        return text.lstrip("0").zfill(int(width))

    return _PLACEHOLDER.sub(digits, path) if has_span(path) else path


def _hides(path: str, pattern: str) -> bool:
    """Whether a path goes through something hidden where the pattern leaves the name open."""
    first = _PLACEHOLDER.search(pattern)
    fixed = pattern.count("/", 0, first.start()) if first else 0
    return any(storage.is_ignored(part) for part in path.split("/")[fixed:])


def _span(match: re.Match[str], path: str) -> Span:
    groups = match.groupdict()
    version = groups.get("version")
    if "span" in groups:
        return Span(number=int(groups["span"]), name=groups["span"], version=version)
    try:
        day = date(*(int(groups[part]) for part in ("year", "month", "day")))
    except ValueError as error:
        raise DataError(
            f"{path}: {groups['year']}-{groups['month']}-{groups['day']}, where the pattern has {''.join(DATE_SPECS)}, "
            "is no date. Rename it, or take it away."
        ) from error
    return Span(number=(day - _EPOCH).days, name=day.isoformat(), version=version)


def _glob(pattern: str, wildcards: bool) -> str:
    literals = _PLACEHOLDER.split(pattern)[:: _PLACEHOLDER.groups + 1]
    return "*".join(part if wildcards else glob.escape(part) for part in literals)


def _regex(pattern: str, wildcards: bool) -> re.Pattern[str]:
    parts, end = [], 0
    for found in _PLACEHOLDER.finditer(pattern):
        parts.append(_literal(pattern[end : found.start()], wildcards))
        end = found.end()
        if found[0] in _DATE_DIGITS:
            name, count = _DATE_DIGITS[found[0]]
            parts.append(rf"(?P<{name}>[0-9]{{{count}}})")
            continue
        name = "span" if found[0].startswith("{SPAN") else "version"
        width = found[f"{name}_width"]
        parts.append(rf"(?P<{name}>[0-9]{'+' if width is None else f'{{{width}}}'})")
    return re.compile("".join((*parts, _literal(pattern[end:], wildcards))) + r"\Z")


def _literal(text: str, wildcards: bool) -> str:
    if not wildcards:
        return re.escape(text)
    translated = re.sub(r"\*\*|\*|\?|\[[^]]+\]|.", _wildcard, text)
    return str(translated)


def _wildcard(found: re.Match[str]) -> str:
    known = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    text = found[0]
    if text in known:
        return known[text]
    if len(text) == 1:
        return re.escape(text)
    inner = text[1:-1].replace("\\", r"\\")
    return f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
