"""The class-folder source: `<root>/<class>/<image>`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tensorflow as tf

from darkroom.errors import DataError

# What file managers leave behind; nobody means these as images.
_IGNORED_FILES = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """One file of a source, not yet opened.

    Attributes:
        path: where to open it.
        name: path relative to the source's root, with `/`, as in reports and `image/filename`.
        label: class id.
        text: class name.
    """

    path: str
    name: str
    label: int
    text: str


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """A folder with one folder for each class.

    Attributes:
        root: local path or URL of a TensorFlow file system.
        classes: class names in id order; None takes the folders' names in alphabetical order.
    """

    root: str
    classes: tuple[str, ...] | None = None

    def class_names(self) -> list[str]:
        """Class names in id order.

        Raises:
            DataError: the root does not exist, holds fewer than two class folders, or does not match `classes`.
        """
        try:
            entries = sorted(name.rstrip("/") for name in tf.io.gfile.listdir(self.root))
        except tf.errors.OpError as error:
            raise DataError(
                f"{self.root}: cannot be listed ({_first_line(error)}). It must be a folder with one folder of images "
                "for each class; set data.images."
            ) from error
        found = [name for name in entries if not _is_ignored(name) and tf.io.gfile.isdir(_join(self.root, name))]
        if not found:
            raise DataError(
                f"{self.root}: holds no folders. Put the images of each class into a folder of its own, such as "
                f"{self.root}/cat and {self.root}/dog."
            )
        for name in found:
            if not name.isprintable():
                raise DataError(
                    f"{self.root}: the folder name {name!r} has control characters or is not UTF-8, and folder names "
                    "become class names. Rename it."
                )
        if self.classes is not None:
            unlisted = sorted(set(found) - set(self.classes))
            missing = sorted(set(self.classes) - set(found))
            if unlisted or missing:
                parts = [f"{name!r} is a folder but not in data.classes" for name in unlisted]
                parts += [f"{name!r} is in data.classes but has no folder" for name in missing]
                raise DataError(f"{self.root}: {'; '.join(parts)}.")
            found = list(self.classes)
        if len(found) < 2:
            raise DataError(
                f"{self.root}: holds only one class, {found[0]!r}. A classifier needs at least two; add a folder with "
                "images of something else."
            )
        return found

    def files(self, label: int, text: str) -> Iterator[LabelledFile]:
        """The files of one class, in name order, folders inside it included."""
        folder = _join(self.root, text)
        for where, _, names in sorted(tf.io.gfile.walk(folder)):
            for name in sorted(names):
                if not _is_ignored(name):
                    path = _join(where, name)
                    yield LabelledFile(path, os.path.relpath(path, self.root), label, text)

    def fingerprint(self, class_names: Sequence[str]) -> str:
        """Changes when a file is added, removed, renamed, resized or rewritten; SHA-256 in hexadecimal."""
        digest = hashlib.sha256()
        for label, text in enumerate(class_names):
            for file in self.files(label, text):
                try:
                    stat = tf.io.gfile.stat(file.path)
                    facts = f"{stat.length} {stat.mtime_nsec}"
                except tf.errors.OpError:
                    facts = "unreadable"
                digest.update(f"{file.name}\0{facts}\0".encode())
        return digest.hexdigest()


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _IGNORED_FILES


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _first_line(error: tf.errors.OpError) -> str:
    return str(error.message).splitlines()[0]
