"""A model repository in a folder: renames are atomic, fsync makes durable, flock excludes."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from darkroom.errors import DarkroomError

# Servers take no name with a point in front for a version.
_REMOVING_PREFIX = ".removing-"
_LOCK_POLL_SECONDS = 0.05


class LocalStorage:
    """See `Storage`. Works on NFS as well where its locks do (NFSv4)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self.location = str(self._folder)

    def read(self, name: str) -> bytes | None:
        """See `Storage`."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """See `Storage`."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            with beside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        flush_folder(path.parent)

    def names(self, folder: str = "") -> list[str]:
        """See `Storage`."""
        try:
            return sorted(entry.name for entry in (self._folder / folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def size(self, folder: str) -> int:
        """See `Storage`."""
        return sum(path.stat().st_size for path in (self._folder / folder).rglob("*") if path.is_file())

    def append(self, name: str, record: bytes) -> None:
        """See `Storage`."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            end = os.fstat(descriptor).st_size
            # A crash in the middle of a record has left a line without an end; it stays as it is, on a line of its own.
            torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
            line = (b"\n" if torn else b"") + record + b"\n"
            written = os.write(descriptor, line)
            if written != len(line):
                raise OSError(f"only {written} of {len(line)} bytes could be written to {path}")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        flush_folder(path.parent)

    def records(self, name: str) -> list[bytes]:
        """See `Storage`."""
        return (self.read(name) or b"").splitlines()

    @contextmanager
    def lock(self, name: str, seconds: float) -> Iterator[None]:
        """See `Storage`."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # The file stays: whoever removed it would let two processes hold locks on two files of one name.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            end = time.monotonic() + seconds
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= end:
                        raise DarkroomError(
                            f"Another command has changed {self.location} for more than {seconds:.0f} s and still "
                            f"holds {path.name}; try again when it has ended"
                        ) from None
                    time.sleep(_LOCK_POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)

    def remove_version(self, folder: str) -> None:
        """See `Storage`."""
        path = self._folder / folder
        aside = path.with_name(f"{_REMOVING_PREFIX}{path.name}-{uuid.uuid4().hex}")
        path.rename(aside)
        flush_folder(path.parent)
        shutil.rmtree(aside)
        for left in path.parent.glob(f"{_REMOVING_PREFIX}*"):
            # What a crash has left goes too; another removal may be at it.
            shutil.rmtree(left, ignore_errors=True)


def flush_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
