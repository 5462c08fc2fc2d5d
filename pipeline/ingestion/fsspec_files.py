"""File systems that TensorFlow does not have, by fsspec: `s3://`, `az://`, `sftp://`, …

With the methods of `tf.io.gfile` that `storage` uses, so that it need not know which of the two it has.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import fsspec

# What file systems call the time of the last change: S3, Google's and Azure's, local and memory, SFTP.
_TIMES = ("LastModified", "mtime", "updated", "last_modified", "modified", "created")


@dataclass(frozen=True, slots=True)
class Stat:
    """As of `tf.io.gfile.stat`.

    Attributes:
        length: in bytes.
        mtime_nsec: nanoseconds since the epoch; 0 where the file system does not say.
    """

    length: int
    mtime_nsec: int


class FsspecFiles:
    """The file system of a URL.

    Raises:
        OSError: fsspec knows no such scheme, or its package is not installed.
    """

    def __init__(self, url: str) -> None:
        """Opens nothing yet."""
        scheme = url.split("://", maxsplit=1)[0]
        try:
            self._files, _ = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise OSError(
                f"{url}: neither TensorFlow nor fsspec opens {scheme}:// here: {error} (S3 needs s3fs, Azure adlfs)"
            ) from error

    def GFile(self, path: str, mode: str = "rb") -> Any:  # noqa: N802 - TensorFlow's name
        """An open file."""
        return self._files.open(path, mode)

    def exists(self, path: str) -> bool:
        """Whether there is something."""
        return bool(self._files.exists(path))

    def isdir(self, path: str) -> bool:
        """Whether it is a folder."""
        return bool(self._files.isdir(path))

    def makedirs(self, path: str) -> None:
        """Makes a folder, where the file system has any."""
        self._files.makedirs(path, exist_ok=True)

    def rmtree(self, path: str) -> None:
        """Removes a folder with all that is in it."""
        self._files.rm(path, recursive=True)

    def rename(self, source: str, target: str, *, overwrite: bool = False) -> None:
        """Moves a file. Object stores replace the target at once; elsewhere it is gone for a moment."""
        if not overwrite and self.exists(target):
            raise FileExistsError(f"{target} is there already")
        with self._files.open(source, "rb") as old, self._files.open(target, "wb") as new:
            shutil.copyfileobj(old, new)
        self._files.rm(source)

    def stat(self, path: str) -> Stat:
        """Size and time of a file."""
        found = self._files.info(path)
        changed = next((found[key] for key in _TIMES if found.get(key)), 0)
        if isinstance(changed, str):
            changed = datetime.fromisoformat(changed)
        seconds = changed.timestamp() if isinstance(changed, datetime) else float(changed)
        return Stat(int(found["size"] or 0), int(seconds * 1e9))

    def listdir(self, path: str) -> list[str]:
        """Names in a folder."""
        folder = self._files.info(path)
        if folder["type"] != "directory":
            raise NotADirectoryError(f"{path} is no folder")
        # Some list a folder's own marker among what is in it.
        names = (str(found).rstrip("/") for found in self._files.ls(path, detail=False))
        return [name.rpartition("/")[2] for name in names if name != str(folder["name"]).rstrip("/")]

    def walk(self, path: str) -> Iterator[tuple[str, list[str], list[str]]]:
        """Each folder within, with its folders and files."""
        for folder, folders, files in self._files.walk(path):
            yield _below(path, folder), list(folders), [name for name in files if name]

    def glob(self, pattern: str) -> list[str]:
        """Paths that a pattern names."""
        base = re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0]
        return [_below(base, str(found)) for found in self._files.glob(pattern)]


def _below(base: str, found: str) -> str:
    """A path that the file system gives, as the URL that it was asked with begins."""
    _, inside = fsspec.core.url_to_fs(base)
    return base.rstrip("/") + found[len(inside.rstrip("/")) :]
