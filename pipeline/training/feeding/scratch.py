"""A folder of files that several processes may share and that the last of them removes."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from darkroom.errors import ConfigurationError

# What is removed when it was left over must be told from everything else in the folder.
_PREFIX = "darkroom-scratch-"

_COMPLETE = "complete"

_AGAIN_SECONDS = 0.05


def scratch_root(configured: str | None) -> Path:
    """The configured folder, or this user's own among the temporary ones.

    Raises:
        ConfigurationError: it cannot be made, or somebody else has taken the latter's name.
    """
    root = Path(configured) if configured is not None else Path(tempfile.gettempdir()) / f"darkroom-{os.getuid()}"
    try:
        root.mkdir(mode=0o777 if configured is not None else 0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"training.feeding.scratch_folder {root} cannot be made: {error.strerror}") from error
    found = root.lstat()
    if configured is None and (found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode)):
        raise ConfigurationError(f"{root} belongs to somebody else; name a folder in training.feeding.scratch_folder")
    if not os.access(root, os.W_OK | os.X_OK):
        raise ConfigurationError(f"training.feeding.scratch_folder {root} cannot be written to")
    return root


@contextmanager
def scratch_folder(root: Path, name: str, write: Callable[[Path], None]) -> Iterator[Path]:
    """A folder in `root` with what `write` put into it, while the context is open.

    Processes that want the same name share it: the first one writes, the last one removes. What a killed process left
    is used again under its name if it was complete, and removed by the next process that wants any folder in `root`.
    Each of them holds a shared lock on a file beside it, which ends with the process, however that ends; who writes or
    removes holds it exclusively (flock(2)).

    Args:
        root: exists.
        name: says exactly what is in the folder.
        write: fills the empty folder that it is given.
    """
    folder = root / f"{_PREFIX}{name}"
    _remove_left_over(root, but=folder)
    descriptor = _join(folder, write)
    try:
        yield folder
    finally:
        _remove_unless_used(folder, descriptor)
        os.close(descriptor)


def _join(folder: Path, write: Callable[[Path], None]) -> int:
    """The descriptor of the lock, which is held shared; the folder is there, and whole."""
    lock = _lock_of(folder)
    while True:
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            # Waits while somebody writes.
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            is_held = True
            if not (folder / _COMPLETE).exists():
                # Where others are in the way, the shared lock is lost too.
                is_held = _is_alone(descriptor)
                if is_held:
                    if _is(lock, descriptor) and not (folder / _COMPLETE).exists():
                        _fill(folder, write)
                    # The change to a shared lock lets others in for a moment, so what follows looks again.
                    fcntl.flock(descriptor, fcntl.LOCK_SH)
            if is_held and _is(lock, descriptor) and (folder / _COMPLETE).exists():
                return descriptor
        except BaseException:
            _remove_unless_used(folder, descriptor)
            os.close(descriptor)
            raise
        os.close(descriptor)
        # Several came at once, and each was in the others' way; they come again at different moments.
        time.sleep(random.uniform(0, _AGAIN_SECONDS))


def _is_alone(descriptor: int) -> bool:
    """Takes the lock exclusively if nobody else holds it.

    Never waits: who holds it shared may have found the folder written meanwhile, and train for hours.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _fill(folder: Path, write: Callable[[Path], None]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write(folder)
    (folder / _COMPLETE).touch()


def _is(lock: Path, descriptor: int) -> bool:
    """Whether the lock file is still the one that was opened: a process that removes a folder removes its lock too."""
    try:
        return os.path.samestat(lock.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _remove_unless_used(folder: Path, descriptor: int) -> None:
    lock = _lock_of(folder)
    # Whoever else holds it uses the folder, and removes it later.
    if _is_alone(descriptor) and _is(lock, descriptor):
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink()


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _remove_left_over(root: Path, but: Path) -> None:
    for lock in root.glob(f"{_PREFIX}*.lock"):
        folder = lock.with_suffix("")
        if folder == but:
            continue
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            _remove_unless_used(folder, descriptor)
        finally:
            os.close(descriptor)
