"""The listing of images to label: a CSV that people fill in and that a later extraction adds to.

`image` (relative to the listing) and `label` are the columns that a listing source reads; `label` is empty until
somebody fills it in. A second extraction keeps what people wrote, columns of their own included.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from serving.prediction_log.logged_image import LoggedImage, Opinion

LISTING = "listing.csv"
COLUMNS = (
    "image",
    "label",
    "predicted_label",
    "predicted_value",
    "confidence",
    "model",
    "model_version",
    "time",
    "request_id",
    "sha256",
)
_WRITTEN_BY_PEOPLE = "label"
# A cell that a spreadsheet would run as a formula gets an apostrophe before it, as spreadsheets write text themselves.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class ListingError(ValueError):
    """A listing that is there already can't be added to; the message says why."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows by the image's SHA-256.

    Attributes:
        columns: `COLUMNS`, and behind them those that people added.
        rows: text by column.
    """

    columns: tuple[str, ...]
    rows: dict[str, dict[str, str]]

    @classmethod
    def read(cls, path: Path) -> Listing:
        """The listing in a file; an empty one where there is none.

        Raises:
            ListingError: the file is no listing of this kind.
            OSError: it can't be read.
        """
        if not path.exists():
            return cls(COLUMNS, {})
        try:
            # Spreadsheets put a byte order mark before UTF-8.
            with path.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file, restkey=None, strict=True)
                found = tuple(reader.fieldnames or ())
                missing = [name for name in ("image", "sha256") if name not in found]
                if missing:
                    raise ListingError(
                        f"{path}: has no column {' and '.join(missing)}, so it is not known which row is which image. "
                        "Choose another output folder, or move this file away"
                    )
                # A row that people added has no hash; it stays as it is.
                rows = {
                    row["sha256"] or f"row {number}": {name: row[name] or "" for name in found}
                    for number, row in enumerate(reader)
                }
        except (csv.Error, UnicodeDecodeError) as error:
            raise ListingError(f"{path}: is no CSV in UTF-8 ({error}). Repair it, or move it away") from error
        return cls((*COLUMNS, *(name for name in found if name not in COLUMNS)), rows)

    def add(self, sha256: str, image: str, logged: LoggedImage) -> None:
        """Note an image, or another opinion about one that is noted: the least confident one stays."""
        row = self.rows.get(sha256)
        if row is not None and _doubt(row) <= _doubt_of(logged):
            return
        self.rows[sha256] = {**(row or {}), **_row(sha256, image, logged, (row or {}).get(_WRITTEN_BY_PEOPLE, ""))}

    def write(self, path: Path) -> None:
        """Replace the file, the least confident images first.

        Raises:
            OSError: it can't be written; the old one then stands as it was.
        """
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with partial.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, self.columns, restval="", lineterminator="\n")
                writer.writeheader()
                writer.writerows(self._sorted())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _sorted(self) -> Iterable[dict[str, str]]:
        return sorted(self.rows.values(), key=lambda row: (_doubt(row), row.get("image", "")))


def _row(sha256: str, image: str, logged: LoggedImage, label: str) -> dict[str, str]:
    opinion = logged.opinion or Opinion()
    return {
        "image": image,
        "label": label,
        "predicted_label": _cell(opinion.label or ""),
        "predicted_value": _number(opinion.value),
        "confidence": _number(opinion.confidence),
        "model": _cell(logged.model),
        "model_version": "" if logged.version is None else str(logged.version),
        "time": logged.time,
        "request_id": _cell(logged.request_id),
        "sha256": sha256,
    }


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _number(value: float | None) -> str:
    # Nine digits give the same float32 back.
    return "" if value is None or not math.isfinite(value) else f"{value:.9g}"


def _doubt_of(logged: LoggedImage) -> tuple[bool, float]:
    return _doubt({"confidence": _number((logged.opinion or Opinion()).confidence)})


def _doubt(row: dict[str, str]) -> tuple[bool, float]:
    """Sorts by rising confidence; what has none comes last."""
    try:
        confidence = float(row.get("confidence", ""))
    except ValueError:
        return True, 0.0
    return not math.isfinite(confidence), confidence if math.isfinite(confidence) else 0.0
