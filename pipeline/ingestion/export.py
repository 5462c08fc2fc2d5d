"""Examples as a job folder: `class_mapping.json`, a list of samples for each split, and the images."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

import tensorflow as tf

from darkroom.errors import DataError
from darkroom.task import Task
from pipeline import features
from pipeline.features import SPLITS
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.ingestion.sources.samples import MAPPING_FILE, SAMPLES_FILES

IMAGES_FOLDER = "images"


def export_samples(examples_uri: str, folder: Path) -> dict[str, int]:
    """Writes a job folder, which `data.samples` reads with `images: <folder>/images`.

    An image keeps its name where that is a relative path that is not taken; else it is named by its content.

    Args:
        examples_uri: of an Examples artifact.
        folder: new or empty.

    Returns:
        How many samples each split has.

    Raises:
        DataError: the examples are those of a regression, or the folder has something in it.
        OSError: the folder cannot be written.
    """
    facts = DatasetFacts.read(examples_uri)
    if facts.task is Task.REGRESSION:
        raise DataError("A job folder's samples have classes, but these images have targets: nothing was exported.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: is not empty. Name a new folder.")
    images = folder / IMAGES_FOLDER
    images.mkdir(parents=True)
    taken: set[str] = set()
    counts = {}
    for split in SPLITS:
        samples = []
        for record in tf.data.TFRecordDataset(sorted(tf.io.gfile.glob(f"{examples_uri}/Split-{split}/*")), "GZIP"):
            feature = tf.train.Example.FromString(record.numpy()).features.feature
            name = _name(feature, taken)
            target = images / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(feature[features.ENCODED].bytes_list.value[0])
            samples.append({"image_id": name, "label": feature[features.LABEL].int64_list.value[0]})
        samples.sort(key=lambda sample: sample["image_id"])
        _write(folder / SAMPLES_FILES[split], samples)
        counts[split] = len(samples)
    # Last: a folder without it is one whose export did not end.
    _write(folder / MAPPING_FILE, {str(number): label for number, label in enumerate(facts.labels)})
    return counts


def _name(feature: Any, taken: set[str]) -> str:
    raw = feature[features.FILENAME].bytes_list.value[0].decode(errors="replace")
    path = PurePosixPath(raw)
    # To some file systems upper and lower case are the same name.
    key = str(path).casefold()
    folders = {str(folder).casefold() for folder in path.parents}
    safe = bool(path.parts) and not path.is_absolute() and ".." not in path.parts
    # A file cannot have the name of a folder that another file is in, nor the other way round.
    free = key not in taken and f"{key}/" not in taken and not folders & taken
    if not (safe and free and raw.isprintable() and "\ufffd" not in raw):
        digest = feature[features.SHA256].bytes_list.value[0].decode()
        kind = feature[features.FORMAT].bytes_list.value[0].decode()
        names = (f"by-content/{digest[:16]}-{number}.{kind}" for number in count())
        key = next(name for name in names if name not in taken)
        path, folders = PurePosixPath(key), {"by-content"}
    taken.add(key)
    taken.update(f"{folder}/" for folder in folders)
    return str(path)


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
