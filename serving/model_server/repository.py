"""The folders that hold a model's versions."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from darkroom.errors import ConfigurationError

# The files that make a folder a SavedModel; TensorFlow reads any one of them.
SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")

# int64 on the wire.
MAX_VERSION = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ModelRepository:
    """The version folders of one model.

    `base_path` holds folders named by number, as in TF Serving. Where it holds none, `base_path/<name>` is looked at:
    Darkroom pushes to `<base>/<model name>/<version>/`, and either folder may be given.
    """

    name: str
    base_path: Path

    def versions(self) -> dict[int, Path]:
        """Every complete version folder.

        A folder counts when its name is a number and it holds a SavedModel's proto. A version that is still being
        copied may lack it; what else is missing shows when it loads.

        Raises:
            OSError: the folder is there and cannot be read.
        """
        return _versions(self.base_path) or _versions(self.base_path / self.name)


def fingerprint(path: Path) -> int:
    """A number that changes when a file of the folder appears, disappears, grows or is rewritten.

    Tells whether a version that failed to load is worth another try: a slow copy may have completed it.
    """
    facts = []
    for folder, _, files in os.walk(path):
        for file in files:
            try:
                status = os.stat(os.path.join(folder, file))
            except FileNotFoundError:  # deleted between the listing and here
                continue
            facts.append((folder, file, status.st_size, status.st_mtime_ns))
    return hash(tuple(sorted(facts)))


def resolve_name(base_path: Path, name: str | None) -> str:
    """The name to serve a folder under when none is given.

    TF Serving's `default` for a folder of versions; the name of the only model for a folder of models.

    Raises:
        ConfigurationError: the folder holds several models.
    """
    if name:
        return name
    try:
        children = sorted(child for child in base_path.iterdir() if child.is_dir())
    except OSError:  # nothing was pushed yet
        return "default"
    if any(_version_number(child.name) is not None for child in children):
        return "default"
    models = [child.name for child in children if _versions(child)]
    if len(models) > 1:
        raise ConfigurationError(
            f"{base_path} holds {len(models)} models ({', '.join(models)}); choose one with --model-name"
        )
    return models[0] if models else "default"


def _versions(folder: Path) -> dict[int, Path]:
    found = {}
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    for entry in entries:
        version = _version_number(entry.name)
        if version is None or not entry.is_dir():
            continue
        if any(os.path.isfile(os.path.join(entry.path, file)) for file in SAVED_MODEL_FILES):
            found[version] = Path(entry.path)
    return found


def _version_number(name: str) -> int | None:
    # str.isdigit() is true for superscripts and other scripts' digits as well.
    if not (name.isascii() and name.isdigit()):
        return None
    return int(name) if int(name) <= MAX_VERSION else None
