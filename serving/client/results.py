"""Outcomes as lines of CSV or JSON Lines, in a file that a later call can go on with."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self

from serving.client.batch import Outcome

ResultFormat = Literal["jsonl", "csv"]

_PREDICTED = ("label", "class_id", "confidence", "value", "model", "version", "preprocessing_version")
CSV_COLUMNS = ("image", *_PREDICTED, "error", "reason")


def document(outcome: Outcome) -> dict[str, Any]:
    """An outcome for JSON."""
    if outcome.prediction is None:
        return {"image": str(outcome.path), "error": outcome.error, "reason": outcome.reason}
    return {"image": str(outcome.path), **asdict(outcome.prediction)}


def line(outcome: Outcome, result_format: ResultFormat) -> str:
    """An outcome as a line, with its end. CSV has the best class, or the value, or the error."""
    if result_format == "jsonl":
        return json.dumps(document(outcome)) + "\n"
    found = outcome.prediction
    values = [getattr(found, column) if found is not None else None for column in _PREDICTED]
    return _csv_line((outcome.path, *values, outcome.error, outcome.reason))


def header(result_format: ResultFormat) -> str:
    """What comes before the first outcome."""
    return _csv_line(CSV_COLUMNS) if result_format == "csv" else ""


class ResultFile:
    """A file of outcomes that is appended to, each line whole or absent.

    Attributes:
        done: the images that the file already has.
    """

    def __init__(self, path: Path, result_format: ResultFormat) -> None:
        """Open the file, or make it. A last line that a killed call left unfinished is taken away.

        Raises:
            OSError: it can't be opened.
            ValueError: it holds something else than outcomes in this format, or another process writes it.
        """
        self._format = result_format
        self._file = path.open("a+b")
        try:
            _lock(self._file, path)
            self.done = self._read(path)
        except BaseException:
            self._file.close()
            raise

    def _read(self, path: Path) -> set[str]:
        self._file.seek(0)
        done: set[str] = set()
        kept = 0
        is_first = True
        record = b""
        for piece in self._file:
            record += piece
            if not _is_whole(record, self._format):
                continue
            if is_first and self._format == "csv":
                if record.decode(errors="replace") != header("csv"):
                    raise ValueError(f"{path} exists and is not a CSV file of predictions; name another file")
            else:
                done.add(self._image_of(record, path))
            is_first = False
            kept += len(record)
            record = b""
        self._file.truncate(kept)
        self._file.seek(0, os.SEEK_END)
        if kept == 0:
            self._file.write(header(self._format).encode())
        return done

    def _image_of(self, record: bytes, path: Path) -> str:
        try:
            text = record.decode(errors="surrogateescape")
            found = json.loads(text)["image"] if self._format == "jsonl" else next(csv.reader(io.StringIO(text)))[0]
        except (ValueError, KeyError, TypeError, IndexError, StopIteration, csv.Error) as error:
            raise ValueError(
                f"{path} exists and has a line that is no prediction: {record[:100]!r}; name another file"
            ) from error
        return str(found)

    def write(self, outcome: Outcome) -> None:
        """Append an outcome.

        Raises:
            OSError: such as a full disk.
        """
        self._file.write(line(outcome, self._format).encode(errors="surrogateescape"))
        # At most the last line is lost when the process is killed, and a reader sees each outcome at once.
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ValueError(f"another process is writing {path}") from error


def _is_whole(record: bytes, result_format: ResultFormat) -> bool:
    """Whether a record has its end; a file name in CSV may hold line ends, between quotes."""
    return record.endswith(b"\n") and (result_format == "jsonl" or record.count(b'"') % 2 == 0)


def _csv_line(cells: tuple[Any, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
