"""The rows of a listing, whatever it is written in: `(line, {column: text})`, one at a time."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

from darkroom.configuration.listing_section import ListingSection
from darkroom.errors import DataError
from pipeline.ingestion import storage

# A cell may hold a description, but a file of another kind must not be taken for one endless cell.
_MAX_CELL = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        line: where it ends in a CSV, where it stands in JSON Lines, its number in a JSON array; from 1.
        cells: text by column, empty cells as "".
        problem: why it is no row; the cells are then empty.
    """

    line: int
    cells: dict[str, str]
    problem: str | None = None


def read_rows(section: ListingSection) -> Iterator[Row]:
    """The rows of a listing whose paths are resolved.

    Raises:
        DataError: the file cannot be read as what it is said to be.
    """
    text = _text(section)
    reader = {"csv": _csv_rows, "json": _json_rows, "jsonl": _json_lines_rows}[section.resolved_format]
    yield from reader(text, section)


def columns(section: ListingSection) -> list[str]:
    """The columns of a listing, in their order: a CSV's header, or the keys of all objects.

    Raises:
        DataError: as `read_rows`.
    """
    found: dict[str, None] = {}
    for row in read_rows(section):
        found |= dict.fromkeys(row.cells)
        if section.resolved_format == "csv" and row.cells:
            break
    return list(found)


def _text(section: ListingSection) -> str:
    try:
        raw = storage.read_bytes(section.path)
    except OSError as error:
        raise DataError(
            f"{section.path}: cannot be read ({error.strerror or error}). Set data.listing.path to a listing."
        ) from error
    utf8 = codecs.lookup(section.encoding).name == "utf-8"
    try:
        return raw.decode("utf-8-sig" if utf8 else section.encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{section.path}:{line}: the byte 0x{raw[error.start]:02x} is not {section.encoding}. Save the listing as "
            "UTF-8, or set data.listing.encoding to what it is in, such as cp1252."
        ) from error


def _csv_rows(text: str, section: ListingSection) -> Iterator[Row]:
    csv.field_size_limit(_MAX_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=section.resolved_delimiter, strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            if not cells:
                continue
            if header is None:
                header = [name.strip() for name in cells] if section.header else [str(n) for n in range(len(cells))]
                _require_distinct(header, section)
                if section.header:
                    continue
            if len(cells) != len(header):
                yield Row(reader.line_num, {}, f"has {len(cells)} cells, but there are {len(header)} columns")
            else:
                yield Row(reader.line_num, dict(zip(header, (cell.strip() for cell in cells), strict=True)))
    except csv.Error as error:
        raise DataError(
            f"{section.path}:{reader.line_num}: is no CSV ({error}). A cell with quotes in it is written in quotes, "
            "with each of its own doubled."
        ) from error


def _require_distinct(header: list[str], section: ListingSection) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{section.path}: has the column {twice[0]!r} more than once. Rename one.")


def _json_rows(text: str, section: ListingSection) -> Iterator[Row]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DataError(
            f"{section.path}: is no JSON ({error}). For an object in each line, set data.listing.format to jsonl."
        ) from error
    if not isinstance(document, list):
        raise DataError(f"{section.path}: holds a {type(document).__name__}, but a listing is an array of objects.")
    for number, value in enumerate(document, 1):
        yield _from_object(number, value)


def _json_lines_rows(text: str, section: ListingSection) -> Iterator[Row]:
    del section
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            yield Row(number, {}, f"is no JSON ({error})")
            continue
        yield _from_object(number, value)


def _from_object(number: int, value: object) -> Row:
    if not isinstance(value, dict):
        return Row(number, {}, f"is a {type(value).__name__}, not an object")
    return Row(number, {str(key): _cell(cell) for key, cell in value.items()})


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    # Numbers and true, false as JSON writes them; NaN and Infinity as Python's reader takes them.
    return json.dumps(value, ensure_ascii=False)
