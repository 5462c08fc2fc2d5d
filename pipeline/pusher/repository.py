"""A push to a model repository in a folder: versions only grow, and each is complete or absent."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from darkroom.errors import DarkroomError
from serving.model_repository.local_storage import flush_folder

# A name that no model server takes for a version.
_STAGING_PREFIX = ".pushing-"

# Two pushes at the same moment choose the same version; the one that loses the rename takes the next.
_MAX_RENAME_ATTEMPTS = 100

# A push holds a lock on its staging folder. Between making the folder and locking it nothing takes this long.
_LOCKED_AFTER_SECONDS = 60
# On a file system without locks age must do: a push copies for seconds.
_ABANDONED_AFTER_SECONDS = 24 * 3600


def versions(model_folder: Path) -> list[int]:
    """The versions in a model's folder, ascending."""
    if not model_folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in model_folder.iterdir() if entry.name.isdecimal() and entry.is_dir())


def push(source: Path, model_folder: Path, complete: Callable[[Path], None] | None = None, *, above: int = 0) -> int:
    """Copies a SavedModel beside the versions, then renames it into place.

    A version is the time in seconds, as TF Serving's users know it, or one more than the newest version if that is
    greater: it grows also when the clock was set back or two pushes share a second. Readers see the rename, never a
    part; after a crash only a staging folder is left, which servers ignore and a later push removes.

    Args:
        source: a SavedModel folder.
        model_folder: `<base>/<model name>`.
        complete: called with the copy before it becomes a version, to add what the source does not have.
        above: the new version is greater than this one too, which may have been deleted.

    Returns:
        The new version.

    Raises:
        DarkroomError: the repository cannot be written, or other pushes kept taking the version.
    """
    try:
        model_folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(model_folder)
        staging = model_folder / f"{_STAGING_PREFIX}{uuid.uuid4().hex}"
        staging.mkdir()
        with _locked(staging):
            shutil.copytree(source, staging, dirs_exist_ok=True)
            if complete is not None:
                complete(staging)
            _flush(staging)
            for _ in range(_MAX_RENAME_ATTEMPTS):
                newest = max([above, *versions(model_folder)[-1:]])
                version = max(int(time.time()), newest + 1)
                try:
                    staging.rename(model_folder / str(version))
                except OSError:
                    if not (model_folder / str(version)).exists():
                        raise
                    continue
                flush_folder(model_folder)
                return version
    except OSError as error:
        raise DarkroomError(
            f"Cannot push to {model_folder}: {error}. Check push.repository and its permissions."
        ) from error
    raise DarkroomError(f"Cannot push to {model_folder}: another push took the version {_MAX_RENAME_ATTEMPTS} times.")


@contextlib.contextmanager
def _locked(staging: Path) -> Iterator[None]:
    """Shows other pushes that this one lives; the lock goes with the process, however that ends."""
    descriptor = os.open(staging, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: age tells
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(model_folder: Path) -> None:
    for entry in model_folder.glob(f"{_STAGING_PREFIX}*"):
        # What is gone since it was listed became a version, or another push removes it.
        with contextlib.suppress(FileNotFoundError):
            if _is_abandoned(entry, time.time() - entry.stat().st_mtime):
                shutil.rmtree(entry)


def _is_abandoned(staging: Path, age_seconds: float) -> bool:
    if age_seconds < _LOCKED_AFTER_SECONDS:
        return False
    descriptor = os.open(staging, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return age_seconds > _ABANDONED_AFTER_SECONDS
    finally:
        os.close(descriptor)
    return True


def _flush(folder: Path) -> None:
    """Makes a copied tree durable, so that the rename cannot reach the disk before the contents do."""
    for where, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(where, name), "rb") as file:
                os.fsync(file.fileno())
        flush_folder(Path(where))
