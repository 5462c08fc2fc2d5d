"""A model repository in an object store, by TensorFlow's file systems (`gs://`, `s3://` with its plug-in, `ram://`).

A store writes an object as a whole and lists what it has written at once (S3 and Google Cloud Storage both promise
that), but it renames nothing and appends to nothing.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from darkroom.errors import DarkroomError
from serving.model_repository.claim import Claim

# Nobody can see whether a lock's holder lives. One that is older than any change takes is taken for dead.
LOCK_SECONDS = 1800.0

# Readers look for these (storage.SAVED_MODEL_FILES); without them the rest is no model.
_FIRST_TO_GO = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")


class ObjectStorage:
    """See `Storage`."""

    def __init__(self, location: str) -> None:
        self.location = location.rstrip("/")

    def read(self, name: str) -> bytes | None:
        """See `Storage`."""
        try:
            with tf.io.gfile.GFile(self._path(name), "rb") as file:
                return bytes(file.read())
        except tf.errors.NotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """See `Storage`."""
        path = self._path(name)
        # Stores need no folders, but some file systems above them list only those that were made.
        tf.io.gfile.makedirs(path.rpartition("/")[0])
        with tf.io.gfile.GFile(path, "wb") as file:
            file.write(content)

    def names(self, folder: str = "") -> list[str]:
        """See `Storage`."""
        try:
            found = tf.io.gfile.listdir(self._path(folder))
        except (tf.errors.NotFoundError, tf.errors.FailedPreconditionError):
            return []
        # Some stores name folders with a slash behind, and some the folder itself.
        return sorted({name.rstrip("/") for name in found if name.rstrip("/") and "/" not in name.rstrip("/")})

    def size(self, folder: str) -> int:
        """See `Storage`."""
        walked = tf.io.gfile.walk(self._path(folder))
        return sum(tf.io.gfile.stat(f"{where}/{name}").length for where, _, names in walked for name in names)

    def append(self, name: str, record: bytes) -> None:
        """See `Storage`: a log is a folder with an object for each record."""
        self.write(f"{name}/{time.time_ns():020d}-{uuid.uuid4().hex[:8]}", record)

    def records(self, name: str) -> list[bytes]:
        """See `Storage`."""
        found = (self.read(f"{name}/{record}") for record in self.names(name))
        return [record for record in found if record is not None]

    @contextmanager
    def lock(self, name: str, seconds: float) -> Iterator[None]:
        """See `Storage`."""
        claim = Claim(self, f"{name}.claims")
        end = time.monotonic() + seconds
        while not claim.take(json.dumps({"until": time.time() + LOCK_SECONDS}).encode()):
            self._forget_dead(claim)
            if time.monotonic() >= end:
                raise DarkroomError(
                    f"Another command has changed {self.location} for more than {seconds:.0f} s. If none runs, delete "
                    f"{self._path(claim.folder)}"
                )
            # By chance, so that two that met do not meet again.
            time.sleep(random.uniform(0.05, 0.5))
        try:
            yield
        finally:
            claim.give_back()

    def remove_version(self, folder: str) -> None:
        """See `Storage`."""
        for name in _FIRST_TO_GO:
            self.remove(f"{folder}/{name}")
        tf.io.gfile.rmtree(self._path(folder))

    def remove(self, name: str) -> None:
        """Deletes an object, if it is there."""
        try:
            tf.io.gfile.remove(self._path(name))
        except tf.errors.NotFoundError:
            return

    def _forget_dead(self, claim: Claim) -> None:
        for other in self.names(claim.folder):
            content = self.read(f"{claim.folder}/{other}")
            if content and json.loads(content)["until"] < time.time():
                self.remove(f"{claim.folder}/{other}")

    def _path(self, name: str) -> str:
        return f"{self.location}/{name}" if name else self.location
