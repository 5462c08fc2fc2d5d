"""The model repository `<base>/<model name>/<version>/`: versions only grow, and each is complete or absent."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from darkroom.errors import DarkroomError

# A name that no model server takes for a version.
_STAGING_PREFIX = ".pushing-"

# Two pushes at the same moment choose the same version; the one that loses the rename takes the next.
_MAX_RENAME_ATTEMPTS = 100

# A push copies for seconds; a staging folder that nobody touched for this long was left by a crash.
_ABANDONED_AFTER_SECONDS = 24 * 3600


def versions(model_folder: Path) -> list[int]:
    """The versions in a model's folder, ascending."""
    if not model_folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in model_folder.iterdir() if entry.name.isdecimal() and entry.is_dir())


def push(source: Path, model_folder: Path, complete: Callable[[Path], None] | None = None) -> int:
    """Copies a SavedModel beside the versions, then renames it into place.

    A version is the time in seconds, as TF Serving's users know it, or one more than the newest version if that is
    greater: it grows also when the clock was set back or two pushes share a second. Readers see the rename, never a
    part; after a crash only a staging folder is left, which servers ignore and the next push removes.

    Args:
        source: a SavedModel folder.
        model_folder: `<base>/<model name>`.
        complete: called with the copy before it becomes a version, to add what the source does not have.

    Returns:
        The new version.

    Raises:
        DarkroomError: the repository cannot be written, or other pushes kept taking the version.
    """
    try:
        model_folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(model_folder)
        staging = model_folder / f"{_STAGING_PREFIX}{uuid.uuid4().hex}"
        shutil.copytree(source, staging)
        if complete is not None:
            complete(staging)
        _flush(staging)
        for _ in range(_MAX_RENAME_ATTEMPTS):
            version = max([int(time.time()), *(existing + 1 for existing in versions(model_folder)[-1:])])
            try:
                staging.rename(model_folder / str(version))
            except OSError:
                if not (model_folder / str(version)).exists():
                    raise
                continue
            _flush_folder(model_folder)
            return version
    except OSError as error:
        raise DarkroomError(
            f"Cannot push to {model_folder}: {error}. Check push.repository and its permissions."
        ) from error
    raise DarkroomError(f"Cannot push to {model_folder}: another push took the version {_MAX_RENAME_ATTEMPTS} times.")


def _remove_abandoned(model_folder: Path) -> None:
    for entry in model_folder.glob(f"{_STAGING_PREFIX}*"):
        # What is gone since it was listed became a version, or another push removes it.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - entry.stat().st_mtime > _ABANDONED_AFTER_SECONDS:
                shutil.rmtree(entry)


def _flush(folder: Path) -> None:
    """Makes a copied tree durable, so that the rename cannot reach the disk before the contents do."""
    for where, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(where, name), "rb") as file:
                os.fsync(file.fileno())
        _flush_folder(Path(where))


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
