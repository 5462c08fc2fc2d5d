"""Opening and listing what a source names: local files by Python, the rest by TensorFlow's file systems or fsspec's.

Local files do not go through TensorFlow, which wants names in UTF-8 and follows links in a circle.
"""

from __future__ import annotations

import errno
import glob
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# What file managers leave behind; nobody means these as images.
_IGNORED_FILES = frozenset({"thumbs.db", "desktop.ini"})
_LOCAL_SCHEME = "file://"


def read_bytes(path: str, limit: int | None = None) -> bytes:
    """A file's bytes, at most `limit` of them.

    Raises:
        OSError: it cannot be read; the message is one line.
    """
    local = _local(path)
    if local is not None:
        with open(local, "rb", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "is a pipe, a socket or a device, no file")
            # Python takes memory for all that it is asked for, before it reads.
            return file.read(-1 if limit is None else min(limit, found.st_size + 1))
    with _as_os_errors(), _remote(path).GFile(path, "rb") as file:
        content: bytes = file.read(-1 if limit is None else limit)
        return content


def _without_waiting(path: str, flags: int) -> int:
    """An opener: a pipe that nobody writes into would hold up the run."""
    return os.open(path, flags | os.O_NONBLOCK)


def write_whole(path: str, content: bytes) -> None:
    """Writes a file so that readers see the old one or the new one and no part; makes its folder.

    Raises:
        OSError: it cannot be written.
    """
    partial = f"{path}.partial-{os.getpid()}"
    make_folder(path.rpartition("/")[0])
    with open_to_write(partial) as file:
        file.write(content)
    local = _local(path)
    if local is not None:
        os.replace(_local(partial) or partial, local)
    else:
        with _as_os_errors():
            _remote(path).rename(partial, path, overwrite=True)


def open_to_write(path: str) -> Any:
    """A new file for bytes, buffered; its folder exists."""
    local = _local(path)
    return open(local, "wb") if local is not None else _remote(path).GFile(path, "wb")


def open_to_read(path: str) -> Any:
    """A file of bytes that can be read at any place."""
    local = _local(path)
    return open(local, "rb") if local is not None else _remote(path).GFile(path, "rb")


@contextmanager
def opened_by_tensorflow(path: str) -> Iterator[str]:
    """A path under which TensorFlow's own readers open a file: a copy where they have no way to it, while this is open.

    Raises:
        OSError: it cannot be read.
    """
    local = _local(path)
    if local is not None:
        yield local
        return
    remote = _remote(path)
    import tensorflow as tf  # noqa: PLC0415

    if remote is tf.io.gfile:
        yield path
        return
    with tempfile.NamedTemporaryFile() as copy:
        with remote.GFile(path, "rb") as file:
            shutil.copyfileobj(file, copy)
        copy.flush()
        yield copy.name


def make_folder(path: str) -> None:
    """Makes a folder and those above it, unless they are there."""
    local = _local(path)
    if local is not None:
        os.makedirs(local, exist_ok=True)
    else:
        with _as_os_errors():
            _remote(path).makedirs(path)


def remove_folder(path: str) -> None:
    """Removes a folder with what is in it; one that is not there is fine."""
    local = _local(path)
    if local is not None:
        shutil.rmtree(local, ignore_errors=True)
    elif _remote(path).exists(path):
        with _as_os_errors():
            _remote(path).rmtree(path)


def size_and_time(path: str) -> tuple[int, int]:
    """A file's size in bytes and when it was last written, in nanoseconds.

    Raises:
        OSError: nobody knows.
    """
    local = _local(path)
    if local is not None:
        found = os.stat(local)
        return found.st_size, found.st_mtime_ns
    with _as_os_errors():
        known = _remote(path).stat(path)
    return int(known.length), int(known.mtime_nsec)


def exists(path: str) -> bool:
    """Whether there is something at a path."""
    local = _local(path)
    return os.path.exists(local) if local is not None else bool(_remote(path).exists(path))


def folders_in(path: str) -> list[str]:
    """Names of the folders in a folder, in order, without hidden ones.

    Raises:
        OSError: it is no folder that can be listed.
    """
    local = _local(path)
    if local is not None:
        with os.scandir(local) as entries:
            return sorted(entry.name for entry in entries if not is_ignored(entry.name) and _is_folder(entry))
    with _as_os_errors():
        files = _remote(path)
        names = sorted(name.rstrip("/") for name in files.listdir(path))
    return [name for name in names if not is_ignored(name) and files.isdir(join(path, name))]


def files_under(path: str) -> Iterator[str]:
    """Paths of the files in a folder and in the folders within it, in the same order each time.

    A link to a folder is followed, unless it leads back to a folder that it lies in.
    """
    local = _local(path)
    if local is None:
        for where, _, names in sorted(_remote(path).walk(path)):
            yield from (join(where, name) for name in sorted(names) if not is_ignored(name))
        return
    scheme = path.removesuffix(local)
    for found in _local_files(local, _folders_above(local)):
        yield scheme + found


def _folders_above(folder: str) -> frozenset[tuple[int, int]]:
    above = set()
    where = os.path.realpath(folder)
    while (parent := os.path.dirname(where)) != where:
        where = parent
        stat = os.stat(where)
        above.add((stat.st_dev, stat.st_ino))
    return frozenset(above)


def _local_files(folder: str, above: frozenset[tuple[int, int]]) -> Iterator[str]:
    try:
        stat = os.stat(folder)
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        # Reading it will say what is wrong, and put it aside.
        yield folder
        return
    here = (stat.st_dev, stat.st_ino)
    if here in above:
        return
    folders = []
    for entry in entries:
        if is_ignored(entry.name):
            continue
        if _is_folder(entry):
            folders.append(entry.path)
        else:
            yield entry.path
    for inner in folders:
        yield from _local_files(inner, above | {here})


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself


def files_like(pattern: str) -> list[str]:
    """Paths of the files that a pattern with `*`, `?` and `[...]` names, in order."""
    local = _local(pattern)
    if local is not None:
        scheme = pattern.removesuffix(local)
        return sorted(scheme + path for path in glob.glob(local, recursive=True) if os.path.isfile(path))
    with _as_os_errors():
        return sorted(_remote(pattern).glob(pattern))


def paths_like(pattern: str) -> list[str]:
    """Paths of the files and folders that a pattern with `*`, `?` and `[...]` names, in order."""
    local = _local(pattern)
    if local is not None:
        scheme = pattern.removesuffix(local)
        return sorted(scheme + path for path in glob.glob(local, recursive=True))
    with _as_os_errors():
        return sorted(path.rstrip("/") for path in _remote(pattern).glob(pattern))


def is_ignored(name: str) -> bool:
    """Whether nobody means this file or folder as data."""
    return name.startswith(".") or name.lower() in _IGNORED_FILES


def join(folder: str, name: str) -> str:
    """A path in a folder; an absolute path or a URL stays as it is."""
    if name.startswith("/") or "://" in name:
        return name
    return f"{folder.rstrip('/')}/{name}"


def _local(path: str) -> str | None:
    """The path on this machine; None for another file system."""
    if path.startswith(_LOCAL_SCHEME):
        return path.removeprefix(_LOCAL_SCHEME)
    return None if "://" in path else path


def _remote(path: str) -> Any:
    """TensorFlow's file systems, or one with the same methods."""
    # TensorFlow takes seconds to import; what is on this machine needs none of it.
    import tensorflow as tf  # noqa: PLC0415

    if path.split("://", maxsplit=1)[0] in tf.io.gfile.get_registered_schemes():
        return tf.io.gfile
    from pipeline.ingestion.fsspec_files import FsspecFiles  # noqa: PLC0415

    return FsspecFiles(path)


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """TensorFlow's errors as Python's, with the first line of the message."""
    import tensorflow as tf  # noqa: PLC0415

    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(str(error.message).splitlines()[0]) from error
