"""A quick look at a folder of class folders, without TensorFlow: what there is, and of which size and colour."""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass
from pathlib import Path

from darkroom.errors import DataError
from preprocessing.images import ImageLimits, ImageRefusedError, inspect_image

# Headers of this many images for each class tell the sizes well enough.
_SAMPLES_PER_CLASS = 50


@dataclass(frozen=True, slots=True)
class Survey:
    """What was seen.

    Attributes:
        root: the folder.
        counts: files for each class, in class order.
        median_side: median of the longer sides of the sampled images, in pixels.
        all_grey: whether every sampled image has one colour channel.
        warnings: what people should know.
    """

    root: Path
    counts: dict[str, int]
    median_side: int
    all_grey: bool
    warnings: tuple[str, ...]


def survey_class_folders(root: Path) -> Survey:
    """Looks at `<root>/<class>/<image>`.

    Raises:
        DataError: no such folder, fewer than two class folders, or no image that can be read.
    """
    classes = class_folder_names(root)
    counts: dict[str, int] = {}
    sides: list[int] = []
    grey: list[bool] = []
    refused: list[str] = []
    for name in classes:
        files = _files(root / name)
        counts[name] = len(files)
        # Evenly spread over the names, so that one series of alike images does not decide.
        for path in files[:: max(1, len(files) // _SAMPLES_PER_CLASS)]:
            try:
                header = inspect_image(path.read_bytes(), ImageLimits())
            except (OSError, ImageRefusedError) as error:
                refused.append(f"{path}: {error}")
                continue
            sides.append(max(header.width, header.height))
            grey.append(header.channels <= 2)
    if not sides:
        named = f" The first one: {refused[0]}" if refused else ""
        raise DataError(f"{root}: none of its {sum(counts.values())} files is an image that Darkroom can read.{named}")
    warnings = [
        f"Class {name!r} has no files; add images or remove the folder." for name in classes if not counts[name]
    ]
    if refused:
        warnings.append(f"{len(refused)} of {len(refused) + len(sides)} sampled files will be put aside: {refused[0]}")
    return Survey(root, counts, int(statistics.median(sides)), all(grey), tuple(warnings))


def class_folder_names(root: Path) -> list[str]:
    """The names of the class folders, in order.

    Raises:
        DataError: no such folder, or fewer than two class folders.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. It must hold one folder of images for each class.")
    classes = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if len(classes) < 2:
        found = f"only one class folder, {classes[0]!r}" if classes else "no class folders"
        raise DataError(f"{root} holds {found}. Put the images of each class into a folder of its own; two at least.")
    return classes


def _files(folder: Path) -> list[Path]:
    return sorted(
        Path(where) / name for where, _, names in os.walk(folder) for name in names if not name.startswith(".")
    )
