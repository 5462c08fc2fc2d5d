"""The samples source: a job folder of `class_mapping.json`, `train_samples.json` and `val_samples.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from darkroom.configuration.samples_section import SamplesSection
from darkroom.errors import DataError
from darkroom.task import Task
from pipeline.features import EVAL_SPLIT, TEST_SPLIT, TRAIN_SPLIT
from pipeline.ingestion import labelled_image as reasons
from pipeline.ingestion import storage
from pipeline.ingestion.labelled_image import LabelledImage, Quarantined
from pipeline.ingestion.sources.class_order import in_id_order
from pipeline.ingestion.sources.source import Source

MAPPING_FILE = "class_mapping.json"
SAMPLES_FILES = {
    TRAIN_SPLIT: "train_samples.json",
    EVAL_SPLIT: "val_samples.json",
    TEST_SPLIT: "test_samples.json",
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an image is listed: the list's split, the sample's number in it, its class name."""

    split: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Samples(Source):
    """A job folder.

    Attributes:
        section: `data.samples`, with absolute paths.
        classes: must be those of the mapping where it is given.
        task: multiclass or binary.
        positive: a binary task's class that gets id 1.
    """

    section: SamplesSection
    classes: tuple[str, ...] | None = None
    task: Task = Task.MULTICLASS
    positive: str | None = None

    @property
    def location(self) -> str:
        """The folder."""
        return self.section.folder

    @property
    def orders_classes(self) -> bool:
        """The mapping's indices do."""
        return True

    def labels(self) -> list[str]:
        """Class names in the order of the mapping's indices.

        Raises:
            DataError: a file cannot be read, or the mapping is none from indices to names.
        """
        return [name for _, name in sorted(self._mapping().items())]

    def class_names(self) -> list[str]:
        """Class names in the order of the mapping's indices; a binary task's positive one last.

        Raises:
            DataError: a file cannot be read, or the mapping is none from indices to names.
        """
        names = tuple(self.labels())
        if self.classes is not None and set(self.classes) != set(names):
            raise DataError(f"{self.location}: data.classes are not those of {MAPPING_FILE}; leave data.classes out.")
        return in_id_order(
            names, task=self.task, positive=self.positive, classes=self.classes or names, location=self.location
        )

    def parts(self) -> Sequence[str]:
        """The splits that have a list; training and evaluation must."""
        has_test = storage.exists(self._path(SAMPLES_FILES[TEST_SPLIT]))
        return [TRAIN_SPLIT, EVAL_SPLIT, *((TEST_SPLIT,) if has_test else ())]

    def images(self, part: str, class_names: Sequence[str]) -> Iterator[LabelledImage | Quarantined]:
        """The samples of a list, in their order.

        An image that is there several times counts once: it is held out where one of the lists holds it out.
        """
        ids = {name: number for number, name in enumerate(class_names)}
        mapping = self._mapping()
        # Without a list for the test split, it is drawn from the training samples.
        split = part if part != TRAIN_SPLIT or TEST_SPLIT in self.parts() else None
        file = SAMPLES_FILES[part]
        places = self._places()
        for number, sample in enumerate(_list(self._read(file), self._path(file))):
            if not isinstance(sample, dict) or not isinstance(sample.get("image_id"), str) or not sample["image_id"]:
                yield Quarantined(f"{file}:{number}", "", reasons.MISSING_IMAGE, f"sample {number} has no image_id")
                continue
            name, label = sample["image_id"], sample.get("label")
            if label is None or label == "":
                yield Quarantined(name, "", reasons.MISSING_LABEL, f"sample {number} of {file} has no label")
                continue
            text = _class_name(label, mapping)
            if text not in ids:
                detail = f"sample {number} of {file}: {label!r} is neither an index nor a name of {MAPPING_FILE}"
                yield Quarantined(name, str(label), reasons.UNKNOWN_LABEL, detail)
                continue
            problem = _repeated(part, number, places[name])
            if problem is not None:
                yield Quarantined(name, text, *problem)
                continue
            path = storage.join(self.section.images or self.section.folder, name)
            yield LabelledImage(path, name, label=ids[text], text=text, split=split)

    def _places(self) -> dict[str, list[_Place]]:
        """Where each image is listed, those first that hold it out."""
        mapping, lists = self._mapping(), self.parts()
        places: dict[str, list[_Place]] = {}
        for split in (split for split in (TEST_SPLIT, EVAL_SPLIT, TRAIN_SPLIT) if split in lists):
            file = SAMPLES_FILES[split]
            for number, sample in enumerate(_list(self._read(file), self._path(file))):
                name = sample.get("image_id") if isinstance(sample, dict) else None
                if isinstance(name, str) and sample.get("label") not in (None, ""):
                    places.setdefault(name, []).append(_Place(split, number, _class_name(sample["label"], mapping)))
        return places

    def _mapping(self) -> dict[int, str]:
        found = self._read(MAPPING_FILE)
        items = found.items() if isinstance(found, dict) else ()
        mapping = {_index(key): name for key, name in items if isinstance(name, str) and name}
        if not items or len(mapping) != len(items) or None in mapping or len(set(mapping.values())) != len(mapping):
            raise DataError(
                f"{self._path(MAPPING_FILE)}: must map each index to a class name of its own, as in "
                '{"0": "cat", "1": "dog"}.'
            )
        return {index: name for index, name in mapping.items() if index is not None}

    def _read(self, file: str) -> Any:
        try:
            return json.loads(storage.read_bytes(self._path(file)))
        except OSError as error:
            raise DataError(
                f"{self._path(file)}: cannot be read ({error.strerror or error}). A job folder has {MAPPING_FILE}, "
                f"{SAMPLES_FILES[TRAIN_SPLIT]} and {SAMPLES_FILES[EVAL_SPLIT]}; set data.samples.folder."
            ) from error
        except ValueError as error:
            raise DataError(f"{self._path(file)}: is no JSON in UTF-8 ({error}).") from error

    def _path(self, file: str) -> str:
        return storage.join(self.section.folder, file)


def _list(found: Any, path: str) -> list[Any]:
    if not isinstance(found, list):
        raise DataError(f"{path}: holds a {type(found).__name__}, but samples are an array of objects.")
    return found


def _repeated(split: str, number: int, places: list[_Place]) -> tuple[str, str] | None:
    """Why a sample is put aside whose image is listed at several places; None for the one that counts."""
    here = f"sample {number} of {SAMPLES_FILES[split]}"
    if len({place.text for place in places}) > 1:
        return reasons.CONFLICTING_ROWS, f"{here}: the image is listed with other labels, too; remove the wrong samples"
    first = places[0]
    if (first.split, first.number) == (split, number):
        return None
    counting = f"sample {first.number} of {SAMPLES_FILES[first.split]}"
    return reasons.DUPLICATE_ROW, f"{here} has the image of {counting}, which counts; remove it"


def _class_name(label: object, mapping: dict[int, str]) -> str:
    index = _index(label)
    return mapping.get(index, str(label)) if index is not None else str(label)


def _index(label: object) -> int | None:
    """An index, also written as a text or a whole float."""
    if isinstance(label, bool):
        return None
    if isinstance(label, float):
        return int(label) if label.is_integer() else None
    if isinstance(label, str):
        return int(label) if label.isdecimal() else None
    return label if isinstance(label, int) else None
