"""Where a model repository lies: a folder, or a bucket."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

# The files that make a folder a SavedModel. A push to an object store writes this one last (docs/models.md).
SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")


class Storage(Protocol):
    """A repository's files, by names relative to it, with `/` between folders.

    Attributes:
        location: the repository's absolute path or URL.
    """

    location: str

    def read(self, name: str) -> bytes | None:
        """A file's content; None where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Replaces a file: after a crash it holds the old content or the new, and readers never see a part."""

    def names(self, folder: str = "") -> list[str]:
        """What a folder holds, by name, in order; nothing where there is no such folder."""

    def size(self, folder: str) -> int:
        """Bytes in a folder and those below it."""

    def append(self, name: str, record: bytes) -> None:
        """Adds a record of one line to a log, and returns when it is durable. What is there is never rewritten."""

    def records(self, name: str) -> list[bytes]:
        """A log's records, oldest first."""

    def lock(self, name: str, seconds: float) -> AbstractContextManager[None]:
        """Only one process at a time is inside.

        Raises:
            DarkroomError: others were inside for `seconds`.
        """

    def remove_version(self, folder: str) -> None:
        """Deletes a version's folder, so that no reader can load a part of it."""


def open_storage(location: str | Path) -> Storage:
    """The storage of a folder's path, or of a URL that TensorFlow's file systems open (`gs://…`)."""
    if "://" in str(location):
        from serving.model_repository.object_storage import ObjectStorage  # noqa: PLC0415 - imports TensorFlow

        return ObjectStorage(str(location))
    from serving.model_repository.local_storage import LocalStorage  # noqa: PLC0415 - needs fcntl

    return LocalStorage(Path(location))


def complete_versions(storage: Storage, model: str) -> list[int]:
    """The versions of a model that can be loaded, ascending."""
    return [
        version
        for version in numbered_folders(storage, model)
        if set(SAVED_MODEL_FILES) & set(storage.names(f"{model}/{version}"))
    ]


def numbered_folders(storage: Storage, model: str) -> list[int]:
    """Every folder that has a version's name, complete or not, ascending."""
    return sorted(int(name) for name in storage.names(model) if is_version(name))


def models_in(storage: Storage) -> list[str]:
    """The names of the models that have a version."""
    return [name for name in storage.names() if not name.startswith(".") and complete_versions(storage, name)]


def is_version(name: str) -> bool:
    """Whether TF Serving takes a folder's name for a version."""
    return name.isascii() and name.isdecimal()
