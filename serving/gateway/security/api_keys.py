"""API keys: how they look, how they are stored, and who holds one.

A key is `dkr_<id>_<secret>`. The id is public and finds the entry; the secret has 256 random bits. Nobody can guess or
search those, so a plain SHA-256 protects the stored form as well as a slow password hash would, and costs each request
next to nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from darkroom.errors import ConfigurationError
from serving.gateway.security.errors import Denial, rejected
from serving.gateway.security.principal import Principal, Scope
from serving.gateway.security.settings import RateLimitSettings

KEY_PREFIX = "dkr_"
_KEY = re.compile(r"dkr_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_SECRET_BYTES = 32
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"


class StoredKey(BaseModel):
    """One entry of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=_NAME)]
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    created: AwareDatetime
    expires: AwareDatetime | None = None
    rate_limit: RateLimitSettings | None = None


class KeyDocument(BaseModel):
    """The file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[StoredKey, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for attribute in ("name", "id"):
            values = [getattr(key, attribute) for key in self.keys]
            for value in values:
                if values.count(value) > 1:
                    raise ValueError(f"two keys have the {attribute} {value}")
        return self


def read_keys(path: Path) -> KeyDocument:
    """The file's entries.

    Raises:
        ConfigurationError: it can't be read, or is not such a file.
    """
    try:
        return KeyDocument.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"the API keys {path} can't be read: {error.strerror}") from error
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise ConfigurationError(f"the API keys {path}: {where + ': ' if where else ''}{problem['msg']}") from error


def make_key() -> tuple[str, str, str]:
    """A new key, its id, and its SHA-256."""
    key_id = secrets.token_hex(8)
    key = f"{KEY_PREFIX}{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return key, key_id, _digest(key)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


class ApiKeys:
    """The keys of a file; `load` reads it again."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Read the file.

        Args:
            path: of the file.
            clock: seconds since the epoch, for expiry.

        Raises:
            ConfigurationError: as `read_keys`.
        """
        self.path = path
        self._clock = clock
        self._keys: dict[str, StoredKey] = {}
        # A key without an entry is compared too, so that the time tells nothing about which ids exist.
        self._nobody = _digest(secrets.token_urlsafe(_SECRET_BYTES))
        self.load()

    def load(self) -> None:
        """Replace the keys by the file's; they stay as they are when it is wrong.

        Raises:
            ConfigurationError: as `read_keys`.
        """
        self._keys = {key.id: key for key in read_keys(self.path).keys}

    def identify(self, key: str) -> Principal:
        """Whose key this is.

        Raises:
            AccessError: UNAUTHENTICATED for an unknown or expired one.
        """
        shape = _KEY.fullmatch(key)
        found = self._keys.get(shape[1]) if shape is not None else None
        right = hmac.compare_digest(_digest(key), found.sha256 if found is not None else self._nobody)
        if found is None or not right:
            raise rejected("the API key is not known here", Denial.UNKNOWN_KEY)
        if found.expires is not None and found.expires.timestamp() <= self._clock():
            raise rejected(
                f"the API key {found.name} expired at {found.expires.isoformat(timespec='seconds')}", Denial.EXPIRED_KEY
            )
        return Principal("api_key", found.name, frozenset(found.scopes), found.rate_limit)
