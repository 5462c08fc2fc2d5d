"""Where a training's state lies: one file that is always whole."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

_STATE_FILE = "state.npz"
_FACTS = "__facts__"


@dataclass(frozen=True, slots=True)
class StateStore:
    """Named files of arrays and facts in a folder; each is replaced whole or not at all.

    Attributes:
        folder: local path or URL of a TensorFlow file system.
        writes: whether anything is changed in it; of several workers, the chief's store alone does.
    """

    folder: str
    writes: bool = True

    def save(self, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any], name: str = _STATE_FILE) -> None:
        """Writes beside, then renames: a process that dies at any moment leaves the file before or the file after."""
        if not self.writes:
            return
        buffer = io.BytesIO()
        encoded = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        np.savez(buffer, **{_FACTS: encoded}, **arrays)  # type: ignore[arg-type]
        tf.io.gfile.makedirs(self.folder)
        staged = f"{self.folder}/.{name}-{uuid.uuid4().hex}"
        with tf.io.gfile.GFile(staged, "wb") as file:
            file.write(buffer.getvalue())
        tf.io.gfile.rename(staged, f"{self.folder}/{name}", overwrite=True)

    def load(self, name: str = _STATE_FILE) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """What `save` wrote last under this name; None if nothing was."""
        path = f"{self.folder}/{name}"
        if not tf.io.gfile.exists(path):
            return None
        with tf.io.gfile.GFile(path, "rb") as file:
            stored = np.load(io.BytesIO(file.read()), allow_pickle=False)
        facts = json.loads(stored[_FACTS].tobytes())
        return {key: stored[key] for key in stored.files if key != _FACTS}, facts

    def keep_only(self, names: set[str]) -> None:
        """Removes every other file but the state, also what a crash left half written."""
        if not self.writes or not tf.io.gfile.isdir(self.folder):
            return
        for name in tf.io.gfile.listdir(self.folder):
            if name not in names and name != _STATE_FILE:
                tf.io.gfile.remove(f"{self.folder}/{name}")

    def clear(self) -> None:
        """Removes everything."""
        if self.writes and tf.io.gfile.isdir(self.folder):
            tf.io.gfile.rmtree(self.folder)
