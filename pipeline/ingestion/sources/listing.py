"""The listing source: a CSV, JSON or JSON Lines file with a row for each image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from darkroom.configuration.listing_section import ListingSection
from darkroom.errors import DataError
from darkroom.task import Task
from pipeline.ingestion import labelled_image as reasons
from pipeline.ingestion import storage
from pipeline.ingestion.labelled_image import LabelledImage, Quarantined
from pipeline.ingestion.sources.class_order import in_id_order
from pipeline.ingestion.sources.listing_rows import Row, columns, read_rows
from pipeline.ingestion.sources.source import Source


@dataclass(frozen=True, slots=True)
class Listing(Source):
    """A table of images.

    Attributes:
        section: `data.listing`, with absolute paths.
        classes: class names in id order; None takes those that are found, in alphabetical order.
        task: what the labels are.
        positive: a binary task's class that gets id 1.
        group: the column in which images that stay together have the same text.
    """

    section: ListingSection
    classes: tuple[str, ...] | None = None
    task: Task = Task.MULTICLASS
    positive: str | None = None
    group: str | None = None

    @property
    def location(self) -> str:
        """The file."""
        return self.section.path

    def labels(self) -> list[str]:
        """The labels in the rows, in alphabetical order; none for a regression.

        Raises:
            DataError: the file cannot be read, has no rows or lacks a column.
        """
        found = columns(self.section)
        for key, name in (("image", self.section.column("image")), (self._value, self.section.column(self._value))):
            if found and name not in found:
                what = f"no column {name!r}" if self.section.header else f"no column number {name}"
                raise DataError(
                    f"{self.location}: has {what}. It has {', '.join(map(repr, found))}; set data.listing.{key}."
                )
        if found and self.group is not None and self.group not in found:
            raise DataError(f"{self.location}: has no column {self.group!r}, which data.group names.")
        if not found:
            raise DataError(f"{self.location}: has no rows. A listing has a row for each image.")
        if self.task is Task.REGRESSION:
            return []
        label = self.section.column("label")
        return sorted({row.cells.get(label, "") for row in read_rows(self.section)} - {""})

    def class_names(self) -> list[str]:
        """Class names in id order; none for a regression.

        Raises:
            DataError: the file cannot be read, has no rows or lacks a column, or its labels are no classes.
        """
        labels = self.labels()
        if self.task is Task.REGRESSION:
            return []
        return in_id_order(labels, task=self.task, positive=self.positive, classes=self.classes, location=self.location)

    def parts(self) -> Sequence[None]:
        """One part: the file."""
        return [None]

    def images(self, part: None, class_names: Sequence[str]) -> Iterator[LabelledImage | Quarantined]:
        """The rows in their order; those that name no image with a label are put aside."""
        del part
        ids = {name: number for number, name in enumerate(class_names)}
        extra = self._extra()
        rows = _Rows(self)
        for row in read_rows(self.section):
            path = rows.path(row)
            problem = rows.problem(row, path) or self._label_problem(row, ids)
            if problem is not None:
                yield self._aside(row, *problem)
                continue
            text = "" if self.task is Task.REGRESSION else row.cells[self.section.column("label")]
            yield LabelledImage(
                path=storage.join(self._root, path),
                name=path,
                label=ids.get(text),
                text=text,
                target=_number(row.cells[self.section.column("target")]) if self.task is Task.REGRESSION else None,
                group="" if self.group is None else row.cells.get(self.group, ""),
                extra=tuple((name, row.cells.get(name, "")) for name in extra),
            )

    @property
    def _root(self) -> str:
        if self.section.root is not None:
            return self.section.root
        return self.location.rpartition("/")[0] or "."

    def _extra(self) -> list[str]:
        used = {self.section.column("image"), self._value_column}
        if self.section.extra is None:
            return [name for name in columns(self.section) if name not in used]
        wanted = [str(name) for name in self.section.extra]
        found = columns(self.section)
        for name in wanted:
            if name not in found:
                raise DataError(f"{self.location}: has no column {name!r}, which data.listing.extra names.")
        return wanted

    @property
    def _value(self) -> Literal["label", "target"]:
        return "target" if self.task is Task.REGRESSION else "label"

    @property
    def _value_column(self) -> str:
        return self.section.column(self._value)

    def _label_problem(self, row: Row, ids: dict[str, int]) -> tuple[str, str] | None:
        text = row.cells.get(self._value_column, "")
        if self.task is Task.REGRESSION:
            return _target_problem(row.line, text)
        if not text:
            return reasons.MISSING_LABEL, f"line {row.line} has no label; fill it in, or remove the row"
        if text not in ids:
            return reasons.UNKNOWN_LABEL, f"line {row.line}: {text!r} is not in data.classes; add it, or correct it"
        return None

    def _aside(self, row: Row, reason: str, detail: str) -> Quarantined:
        name = row.cells.get(self.section.column("image")) or f"{self.location.rpartition('/')[2]}:{row.line}"
        return Quarantined(name, row.cells.get(self._value_column, ""), reason, detail)


class _Rows:
    """Tells rows apart that name the same image."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._image = listing.section.column("image")
        self._value = listing._value_column
        self._first: dict[str, int] = {}
        values: dict[str, str] = {}
        self._contradicted: set[str] = set()
        for row in read_rows(listing.section):
            path, value = self.path(row), row.cells.get(self._value, "")
            if path and value and values.setdefault(path, value) != value:
                self._contradicted.add(path)

    def path(self, row: Row) -> str:
        """The image's path with `/`; a `\\` is part of a name only where there is such a file."""
        text = row.cells.get(self._image, "")
        if "\\" in text and not storage.exists(storage.join(self._listing._root, text)):
            text = text.replace("\\", "/")
        return text.removeprefix("./")

    def problem(self, row: Row, path: str) -> tuple[str, str] | None:
        """Why a row names no image of its own."""
        if row.problem is not None:
            return reasons.MALFORMED_ROW, f"line {row.line} {row.problem}"
        if not path:
            return reasons.MISSING_IMAGE, f"line {row.line} names no image; fill it in, or remove the row"
        if path in self._contradicted:
            return (
                reasons.CONFLICTING_ROWS,
                f"line {row.line}: the listing has this image with other labels, too; remove the wrong rows",
            )
        # A row without a label is put aside for that, and does not stand in the way of one that has it.
        first = self._first.setdefault(path, row.line) if row.cells.get(self._value) else row.line
        if first != row.line:
            return reasons.DUPLICATE_ROW, f"line {row.line} repeats line {first}; remove it"
        return None


def _target_problem(line: int, text: str) -> tuple[str, str] | None:
    if not text:
        return reasons.MISSING_TARGET, f"line {line} has no target; fill it in, or remove the row"
    number = _number(text)
    if number is None:
        return reasons.INVALID_TARGET, f"line {line}: the target {text!r} is no number (1.5, -2, 3e4)"
    if not math.isfinite(number):
        return reasons.INVALID_TARGET, f"line {line}: the target {text!r} is not finite as a 32-bit float"
    return None


def _number(text: str) -> float | None:
    """A number as a 32-bit float holds it; None for what is none."""
    try:
        with np.errstate(over="ignore"):
            return float(np.float32(float(text)))
    except ValueError:
        return None
