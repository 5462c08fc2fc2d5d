"""A push to a model repository in an object store, which renames nothing.

What makes a folder a SavedModel, `saved_model.pb`, is written last: without it nothing can load a version, whatever
else is there. docs/models.md says what readers see.
"""

from __future__ import annotations

import time
from pathlib import Path

import tensorflow as tf

from darkroom.errors import DarkroomError
from serving.model_repository.claim import Claim
from serving.model_repository.object_storage import ObjectStorage
from serving.model_repository.storage import SAVED_MODEL_FILES, complete_versions, is_version, numbered_folders

# Servers take no name with a point in front for a version.
CLAIMS_FOLDER = ".pushing"

_MAX_ATTEMPTS = 100

# A push uploads for minutes at most; a claim older than this was left by a crash, as was what it had uploaded.
_ABANDONED_AFTER_SECONDS = 24 * 3600


def push_to_object_store(source: Path, storage: ObjectStorage, model: str, *, above: int = 0) -> int:
    """Uploads a SavedModel as the next version.

    Args:
        source: a SavedModel folder, complete.
        storage: of the repository.
        model: its name.
        above: the new version is greater than this one too, which may have been deleted.

    Returns:
        The new version.

    Raises:
        DarkroomError: the store cannot be written, or other pushes kept taking the version.
    """
    try:
        _remove_abandoned(storage, model)
        for _ in range(_MAX_ATTEMPTS):
            taken = [*numbered_folders(storage, model), *_claimed(storage, model), above]
            version = max(int(time.time()), max(taken) + 1)
            claim = Claim(storage, f"{model}/{CLAIMS_FOLDER}/{version}")
            if not claim.take(str(time.time()).encode()):
                continue
            try:
                # Whoever had the claim before may have used it since the folders were listed.
                if version not in numbered_folders(storage, model):
                    _upload(source, storage, f"{model}/{version}")
                    return version
            finally:
                claim.give_back()
    except (OSError, tf.errors.OpError) as error:
        raise DarkroomError(
            f"Cannot push to {storage.location}/{model}: {error}. Check push.repository and the credentials."
        ) from error
    raise DarkroomError(f"Cannot push to {storage.location}/{model}: other pushes kept taking the version.")


def _upload(source: Path, storage: ObjectStorage, folder: str) -> None:
    files = sorted(path for path in source.rglob("*") if path.is_file())
    # All others first, those that make it a SavedModel last.
    for path in sorted(files, key=lambda path: path.parent == source and path.name in SAVED_MODEL_FILES):
        storage.write(f"{folder}/{path.relative_to(source).as_posix()}", path.read_bytes())


def _claimed(storage: ObjectStorage, model: str) -> list[int]:
    folder = f"{model}/{CLAIMS_FOLDER}"
    return [int(name) for name in storage.names(folder) if is_version(name) and storage.names(f"{folder}/{name}")]


def _remove_abandoned(storage: ObjectStorage, model: str) -> None:
    """Deletes what pushes that crashed have left: a claim that is too old, and the folder that nobody can load."""
    complete = complete_versions(storage, model)
    for version in _claimed(storage, model):
        folder = f"{model}/{CLAIMS_FOLDER}/{version}"
        for name in storage.names(folder):
            # Where a store lets a claim be seen before it is whole, that claim is new.
            content = storage.read(f"{folder}/{name}")
            if not content or time.time() - float(content) < _ABANDONED_AFTER_SECONDS:
                continue
            if version not in complete and storage.names(f"{model}/{version}"):
                storage.remove_version(f"{model}/{version}")
            storage.remove(f"{folder}/{name}")
