"""The NumPy source: images and labels as arrays in .npy and .npz files."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from darkroom.configuration.arrays_section import ArrayPair
from darkroom.errors import DataError
from darkroom.task import Task
from pipeline.ingestion import labelled_image as reasons
from pipeline.ingestion import storage
from pipeline.ingestion.labelled_image import LabelledImage, Quarantined
from pipeline.ingestion.sources.class_order import in_id_order
from pipeline.ingestion.sources.source import Source

_ARCHIVE = ".npz:"


@dataclass(frozen=True, slots=True)
class Arrays(Source):
    """Pairs of arrays. Each image becomes a PNG, which keeps every level.

    Attributes:
        pairs: `data.arrays`, with absolute paths.
        classes: class names in id order; None takes the labels that are found, in alphabetical order.
        task: what the labels are.
        positive: a binary task's class that gets id 1.
    """

    pairs: tuple[ArrayPair, ...]
    classes: tuple[str, ...] | None = None
    task: Task = Task.MULTICLASS
    positive: str | None = None

    @property
    def location(self) -> str:
        """The arrays of images."""
        return ", ".join(pair.images for pair in self.pairs)

    @property
    def carries_bytes(self) -> bool:
        """Arrays hold the images."""
        return True

    def labels(self) -> list[str]:
        """The labels in the arrays, in alphabetical order; none for a regression.

        Raises:
            DataError: an array cannot be read, or is none of images or labels.
        """
        found: set[str] = set()
        for pair in self.pairs:
            _, labels = _arrays(pair)
            if self.task is not Task.REGRESSION:
                found |= {self._class_of(label) for label in np.unique(labels)}
        return sorted(found - {""})

    def class_names(self) -> list[str]:
        """Class names in id order; none for a regression.

        Raises:
            DataError: an array cannot be read, or is none of images or labels, or the labels are no classes.
        """
        found = self.labels()
        if self.task is Task.REGRESSION:
            return []
        return in_id_order(found, task=self.task, positive=self.positive, classes=self.classes, location=self.location)

    def parts(self) -> Sequence[ArrayPair]:
        """The pairs."""
        return self.pairs

    def images(self, part: ArrayPair, class_names: Sequence[str]) -> Iterator[LabelledImage | Quarantined]:
        """The images of a pair in their order, called `<array>[<index>]`."""
        ids = {name: number for number, name in enumerate(class_names)}
        pictures, labels = _arrays(part)
        title = part.images.rpartition("/")[2]
        for index, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
            name = f"{title}[{index}]"
            if self.task is Task.REGRESSION:
                target = float(np.float32(label))
                if not math.isfinite(target):
                    yield Quarantined(name, str(label), reasons.INVALID_TARGET, "the target is not finite")
                    continue
                yield LabelledImage(name, name, data=_png(picture), target=target, split=part.split)
                continue
            text = self._class_of(label)
            if text not in ids:
                reason = reasons.UNKNOWN_LABEL if text else reasons.MISSING_LABEL
                yield Quarantined(name, text, reason, f"the label {text!r} is not in data.classes")
                continue
            yield LabelledImage(name, name, data=_png(picture), label=ids[text], text=text, split=part.split)

    def fingerprint(self) -> str:
        """SHA-256 in hexadecimal over the arrays' files and times."""
        paths = {name.split(_ARCHIVE)[0] for pair in self.pairs for name in (pair.images, pair.labels)}
        facts = [(path, *storage.size_and_time(_file(path))) for path in sorted(paths)]
        pairs = [pair.model_dump_json() for pair in self.pairs]
        return hashlib.sha256(repr((pairs, facts)).encode()).hexdigest()

    def _class_of(self, label: np.generic) -> str:
        if isinstance(label, np.integer | np.bool_):
            place = int(label)
            if self.classes is None:
                return str(place)
            return self.classes[place] if 0 <= place < len(self.classes) else f"number {place}"
        return str(label).strip()


def write_arrays(
    folder: Path,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    name: str = "data",
    split: Literal["train", "eval", "test"] | None = None,
) -> ArrayPair:
    """Arrays in memory as a source: writes them to `<folder>/<name>.npz`.

    Args:
        folder: is made where it is not there.
        images: `[N, H, W]` or `[N, H, W, C]` uint8.
        labels: `[N]` integers, texts or numbers.
        name: of the file.
        split: where all of them belong; None leaves that to `data.splits`.

    Returns:
        An entry for `data.arrays`.

    Raises:
        DataError: the arrays are not of these shapes and types.
    """
    _require_fit(images, labels, name)
    storage.make_folder(str(folder))
    content = io.BytesIO()
    np.savez(content, images=images, labels=labels)
    path = f"{folder}/{name}.npz"
    storage.write_whole(path, content.getvalue())
    return ArrayPair(images=f"{path}:images", labels=f"{path}:labels", split=split)


def _arrays(pair: ArrayPair) -> tuple[np.ndarray, np.ndarray]:
    images, labels = _load(pair.images), _load(pair.labels)
    _require_fit(images, labels, pair.images)
    return images, labels


def _require_fit(images: np.ndarray, labels: np.ndarray, name: str) -> None:
    shape, kind = images.shape, images.dtype
    if images.ndim not in (3, 4) or (images.ndim == 4 and shape[3] not in (1, 3, 4)) or 0 in shape[1:]:
        raise DataError(
            f"{name}: has shape {list(shape)}, but images are [N, H, W] or [N, H, W, C] with C of 1, 3 or 4."
        )
    if kind != np.uint8:
        raise DataError(
            f"{name}: is of {kind}, but images are uint8, 0 to 255. For floats from 0 to 1, save "
            "(images * 255).round().astype('uint8')."
        )
    if labels.ndim != 1 or len(labels) != len(images):
        raise DataError(
            f"{name}: has {len(images)} images, but labels of shape {list(labels.shape)}; one each is needed."
        )


def _load(name: str) -> np.ndarray:
    path, _, key = name.partition(_ARCHIVE)
    try:
        if not key:
            local = path.removeprefix("file://")
            # Mapped, not read: the pages that are in use are all that memory holds.
            if "://" not in local:
                found: np.ndarray = np.load(local, mmap_mode="r", allow_pickle=False)
                return found
            return np.asarray(np.load(io.BytesIO(storage.read_bytes(path)), allow_pickle=False))
        with np.load(io.BytesIO(storage.read_bytes(_file(path))), allow_pickle=False) as archive:
            if key not in archive:
                raise DataError(f"{_file(path)}: has no array {key!r}; it has {', '.join(map(repr, archive.files))}.")
            return np.asarray(archive[key])
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error}). Set data.arrays.") from error
    except (ValueError, EOFError) as error:
        raise DataError(
            f"{name}: holds no array of numbers or texts ({error}). In a .npz name the array: file.npz:key."
        ) from error


def _file(path: str) -> str:
    return path if path.endswith((".npy", ".npz")) else f"{path}.npz"


def _png(picture: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture[..., 0] if picture.shape[2:] == (1,) else picture)).save(
        content, "PNG"
    )
    return content.getvalue()
