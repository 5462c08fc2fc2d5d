"""Follows the configuration file while the gateway runs: releases are applied, anything else waits for a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from darkroom.errors import DarkroomError
from serving.gateway.releases.metrics import ReleaseMetrics
from serving.gateway.releases.settings import ReleaseSettings
from serving.gateway.settings import GatewaySettings
from serving.gateway.watched_files import SETTLE_SECONDS, told_within

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConfigurationSource:
    """Where settings come from.

    Attributes:
        path: of the file.
        read: its settings, those of the command line included; raises DarkroomError for a wrong file. Runs in a thread.
        labels: the file of the versions' labels, which may change the releases too.
    """

    path: Path
    read: Callable[[], GatewaySettings]
    labels: Path | None = None


class ConfigurationReload:
    """Reads the file again when it has changed, or when it is told to. A wrong file changes nothing."""

    def __init__(
        self,
        source: ConfigurationSource,
        settings: GatewaySettings,
        apply: Callable[[ReleaseSettings | None], bool],
        metrics: ReleaseMetrics,
    ) -> None:
        """Nothing is read before `start`.

        Args:
            source: of the settings.
            settings: those in force, which came from the source.
            apply: puts releases in force; returns False when they were already.
            metrics: counts what came of each reading.
        """
        self._source = source
        self._settings = settings
        self._apply = apply
        self._metrics = metrics
        self._told = asyncio.Event()
        self._seen: tuple[bytes | None, ...] = ()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, in the running loop."""
        self._seen = self._content()
        self._task = asyncio.create_task(self._follow(), name="configuration-reload")

    def tell(self) -> None:
        """Read the file now."""
        self._told.set()

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _follow(self) -> None:
        while True:
            told = await told_within(self._told, self._settings.reload_seconds)
            content = await asyncio.to_thread(self._content)
            if content == self._seen and not told:
                continue
            content = await self._settled(content)
            if content == self._seen and not told:
                continue
            self._seen = content
            await self._reload()

    async def _settled(self, content: tuple[bytes | None, ...]) -> tuple[bytes | None, ...]:
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            again = await asyncio.to_thread(self._content)
            if again == content:
                return content
            content = again

    async def _reload(self) -> None:
        path = self._source.path
        try:
            read = await asyncio.to_thread(self._source.read)
            applied = self._apply(read.releases)
        except (DarkroomError, OSError) as error:
            self._metrics.reloaded("refused")
            _LOG.error("%s is not applied; the releases stay as they are: %s", path, error)
            return
        except Exception:  # noqa: BLE001 - what is served goes on, and the next file may be right
            self._metrics.reloaded("refused")
            _LOG.exception("%s is not applied; the releases stay as they are", path)
            return
        self._metrics.reloaded("applied" if applied else "unchanged")
        _LOG.info("%s was read again: the releases are %s", path, "applied" if applied else "those in force")
        others = [
            f"serving.{name}"
            for name in GatewaySettings.model_fields
            if name != "releases" and getattr(read, name) != getattr(self._settings, name)
        ]
        if others:
            _LOG.warning("%s: %s changed, which needs a restart to count", path, ", ".join(others))

    def _content(self) -> tuple[bytes | None, ...]:
        return tuple(_read(path) for path in (self._source.path, self._source.labels) if path is not None)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
