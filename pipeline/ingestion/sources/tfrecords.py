"""The TFRecord source: tf.Examples with encoded images."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from darkroom.configuration.tfrecords_section import TfRecordsSection
from darkroom.errors import DataError
from darkroom.task import Task
from pipeline.ingestion import labelled_image as reasons
from pipeline.ingestion import storage
from pipeline.ingestion.labelled_image import LabelledImage, Quarantined
from pipeline.ingestion.sources.class_order import in_id_order
from pipeline.ingestion.sources.source import Source

_GZIP = b"\x1f\x8b"

# What TensorFlow puts around the message of an error.
_OF_THE_OP = re.compile(r"\{\{.*?\}\} | \[Op:.*")


@dataclass(frozen=True, slots=True)
class TfRecords(Source):
    """TFRecord files.

    Attributes:
        section: `data.tfrecords`, with an absolute pattern.
        classes: class names in id order; None takes those that are found, in alphabetical order.
        task: what the labels are.
        positive: a binary task's class that gets id 1.
        group: the feature in which images that stay together have the same value.
    """

    section: TfRecordsSection
    classes: tuple[str, ...] | None = None
    task: Task = Task.MULTICLASS
    positive: str | None = None
    group: str | None = None

    @property
    def location(self) -> str:
        """The pattern."""
        return self.section.pattern

    @property
    def carries_bytes(self) -> bool:
        """Records hold the images."""
        return True

    def labels(self) -> list[str]:
        """The labels in the records, or `classes`, in alphabetical order; none for a regression.

        Without `classes` this reads every record once.

        Raises:
            DataError: there are no files, one is damaged or holds no examples, or none has a class.
        """
        self.parts()
        if self.task is Task.REGRESSION:
            return []
        found = set(self.classes or ())
        if self.classes is None:
            for path in self.parts():
                for _, feature in self._features(path):
                    found.add(self._class_of(feature) or "")
            if found == {""}:
                keys = self.section.keys
                raise DataError(
                    f"{self.location}: no record has a class in {keys.text} or {keys.label}. Set "
                    "data.tfrecords.keys.text or keys.label to the feature that says it."
                )
        return sorted(found - {""})

    def class_names(self) -> list[str]:
        """Class names in id order; none for a regression. Without `classes` this reads every record once.

        Raises:
            DataError: there are no files, one is damaged or holds no examples, or the labels are no classes.
        """
        found = self.labels()
        if self.task is Task.REGRESSION:
            return []
        return in_id_order(found, task=self.task, positive=self.positive, classes=self.classes, location=self.location)

    def parts(self) -> Sequence[str]:
        """The files, in the order of their names.

        Raises:
            DataError: there are none.
        """
        found = storage.files_like(self.section.pattern)
        if not found:
            raise DataError(f"{self.location}: there is no such file. Set data.tfrecords.pattern.")
        return found

    def images(self, part: str, class_names: Sequence[str]) -> Iterator[LabelledImage | Quarantined]:
        """The records of a file, in their order.

        Raises:
            DataError: the file is damaged.
        """
        ids = {name: number for number, name in enumerate(class_names)}
        for number, feature in self._features(part):
            name = _text(feature, self.section.keys.filename) or f"{part.rpartition('/')[2]}:{number}"
            encoded = _text_bytes(feature, self.section.keys.image)
            value = self._class_of(feature) if self.task is not Task.REGRESSION else None
            target = _number(feature, self.section.keys.target) if self.task is Task.REGRESSION else None
            problem = self._problem(number, encoded, value, target, ids)
            if problem is not None:
                shown = value or ("" if target is None else str(target))
                yield Quarantined(name, shown, *problem)
                continue
            yield LabelledImage(
                path=f"{part}:{number}",
                name=name,
                data=encoded,
                label=ids[value] if value else None,
                text=value or "",
                target=target,
                group="" if self.group is None else _shown(feature, self.group),
                extra=tuple((key, _shown(feature, key)) for key in self.section.extra),
            )

    def fingerprint(self) -> str:
        """SHA-256 in hexadecimal over the files' names, sizes and times."""
        facts = [(path, *storage.size_and_time(path)) for path in self.parts()]
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def _class_of(self, feature: Any) -> str | None:
        """The class name of a record; None without one."""
        text = _text(feature, self.section.keys.text)
        if text:
            return text
        number = _number(feature, self.section.keys.label)
        if number is None or not number.is_integer():
            return _text(feature, self.section.keys.label) or None
        place = int(number) - self.section.first_label
        if self.classes is None:
            return str(place)
        return self.classes[place] if 0 <= place < len(self.classes) else f"number {int(number)}"

    def _problem(
        self, number: int, encoded: bytes, value: str | None, target: float | None, ids: dict[str, int]
    ) -> tuple[str, str] | None:
        keys = self.section.keys
        if not encoded:
            return reasons.MISSING_IMAGE, f"record {number} has no {keys.image}; set data.tfrecords.keys.image"
        if self.task is Task.REGRESSION:
            if target is None:
                return reasons.MISSING_TARGET, f"record {number} has no number in {keys.target}"
            if not math.isfinite(target):
                return reasons.INVALID_TARGET, f"record {number}: the target {target} is not finite as a 32-bit float"
        elif not value:
            return reasons.MISSING_LABEL, f"record {number} has neither {keys.text} nor {keys.label}"
        elif value not in ids:
            return reasons.UNKNOWN_LABEL, f"record {number}: {value!r} is not in data.classes"
        return None

    def _features(self, path: str) -> Iterator[tuple[int, Any]]:
        """The records of a file, from 0, as maps of features."""
        with storage.opened_by_tensorflow(path) as opened:
            with storage.open_to_read(opened) as file:
                compression = "GZIP" if file.read(2) == _GZIP else ""
            for number, record in enumerate(_records(path, tf.data.TFRecordDataset(opened, compression))):
                try:
                    yield number, tf.train.Example.FromString(record).features.feature
                except DecodeError as error:
                    raise DataError(f"{path}: record {number} is no tf.Example ({error}).") from error


def _records(path: str, dataset: tf.data.TFRecordDataset) -> Iterator[bytes]:
    records, number = iter(dataset), 0
    while True:
        try:
            record = next(records).numpy()
        except StopIteration:
            return
        except tf.errors.OpError as error:
            said = _OF_THE_OP.sub("", str(error.message).splitlines()[0])
            raise DataError(
                f"{path}: is damaged behind its first {number} records ({said}). What follows cannot be read; get the "
                "file again, or take it out of data.tfrecords.pattern."
            ) from error
        yield record
        number += 1


def _values(feature: Any, key: str) -> list[Any]:
    if key not in feature:
        return []
    kind = feature[key].WhichOneof("kind")
    return list(getattr(feature[key], kind).value) if kind else []


def _text_bytes(feature: Any, key: str) -> bytes:
    values = _values(feature, key)
    return values[0] if len(values) == 1 and isinstance(values[0], bytes) else b""


def _text(feature: Any, key: str) -> str:
    return _text_bytes(feature, key).decode(errors="surrogateescape").strip()


def _number(feature: Any, key: str) -> float | None:
    values = _values(feature, key)
    if len(values) != 1 or isinstance(values[0], bytes):
        return None
    with np.errstate(over="ignore"):
        return float(np.float32(values[0])) if isinstance(values[0], float) else float(values[0])


def _shown(feature: Any, key: str) -> str:
    """Any values as text, several with commas between."""
    values = _values(feature, key)
    return ",".join(v.decode(errors="surrogateescape") if isinstance(v, bytes) else str(v) for v in values)
