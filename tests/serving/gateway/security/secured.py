"""A gateway that asks who is there, and callers with keys of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from serving.gateway.security.api_key_file import add_key
from serving.gateway.security.principal import Scope
from serving.gateway.security.settings import RateLimitSettings
from tests.serving.gateway.running import RunningGateway, running_gateway


@dataclass(frozen=True)
class KeyFile:
    """A file of keys in a folder of its own."""

    path: Path

    def add(self, name: str, *scopes: Scope, days: float | None = None, **limits: float) -> str:
        expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
        limit = RateLimitSettings.model_validate(limits) if limits else None
        return add_key(self.path, name, scopes or tuple(Scope), expires=expires, rate_limit=limit)


@contextmanager
def secured_gateway(address: str, keys: KeyFile, **settings: Any) -> Iterator[RunningGateway]:
    """A gateway with API keys; `settings` may have more of `authentication`."""
    authentication = {"api_keys_file": str(keys.path), **settings.pop("authentication", {})}
    with running_gateway(address, authentication=authentication, reload_seconds=0.05, **settings) as gateway:
        yield gateway


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}
