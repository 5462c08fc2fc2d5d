"""Changing the file of API keys: whole or not at all, and never two changes at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from darkroom.errors import ConfigurationError
from serving.gateway.security.api_keys import KeyDocument, StoredKey, make_key, read_keys
from serving.gateway.security.principal import Scope
from serving.gateway.security.settings import RateLimitSettings


def add_key(
    path: Path,
    name: str,
    scopes: tuple[Scope, ...],
    *,
    expires: datetime | None = None,
    rate_limit: RateLimitSettings | None = None,
) -> str:
    """Make a key, write its hash into the file, which may not exist yet, and return the key: nothing else has it.

    Raises:
        ConfigurationError: the name is taken, or the file is not one of keys or can't be written.
    """
    key, key_id, digest = make_key()
    entry = StoredKey(
        name=name,
        id=key_id,
        sha256=digest,
        scopes=scopes,
        created=datetime.now(UTC).replace(microsecond=0),
        expires=expires,
        rate_limit=rate_limit,
    )
    with _changing(path):
        document = read_keys(path) if path.exists() else KeyDocument()
        if any(other.name == name for other in document.keys):
            raise ConfigurationError(
                f"{path} has a key named {name} already. Revoke it first, or choose another name: two keys live side "
                "by side while callers move from one to the other"
            )
        _write(path, KeyDocument(keys=(*document.keys, entry)))
    return key


def revoke_key(path: Path, name: str) -> None:
    """Take a key out of the file.

    Raises:
        ConfigurationError: there is none of that name, or the file can't be read or written.
    """
    with _changing(path):
        document = read_keys(path)
        left = tuple(key for key in document.keys if key.name != name)
        if len(left) == len(document.keys):
            names = ", ".join(key.name for key in document.keys) or "no keys"
            raise ConfigurationError(f"{path} has no key named {name}; there are {names}")
        _write(path, KeyDocument(keys=left))


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Alone, until the change is written. The folder is locked: the file itself is replaced."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigurationError(f"the folder of {path} can't be opened: {error.strerror}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise ConfigurationError(f"{path} can't be written: {error.strerror}") from error
    finally:
        os.close(folder)


def _write(path: Path, document: KeyDocument) -> None:
    # The gateway may run as another user: who could read the file before can read it afterwards.
    before = path.stat() if path.exists() else None
    text = document.model_dump_json(indent=2, exclude_none=True) + "\n"
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            if before is not None:
                os.fchmod(file.fileno(), before.st_mode & 0o777)
                if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
