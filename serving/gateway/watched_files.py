"""Files that are read again when they change, without a restart. A broken new one leaves the old in force."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from darkroom.errors import ConfigurationError
from serving.gateway.metrics import GatewayMetrics

_LOG = logging.getLogger(__name__)

# A file that has looked the same for this long is not being written.
SETTLE_SECONDS = 0.2


class WatchedFiles:
    """Files that belong together, such as a certificate and its key."""

    def __init__(
        self, what: str, paths: Iterable[Path], load: Callable[[], None], metrics: GatewayMetrics | None
    ) -> None:
        """Read the files.

        Args:
            what: the files' kind, for the log and the metric, such as "certificates".
            paths: the files.
            load: reads them and puts them in force; raises ConfigurationError and changes nothing when they are wrong.
            metrics: counts the attempts to read them again.

        Raises:
            ConfigurationError: they are wrong already.
        """
        self.what = what
        self._paths = tuple(paths)
        self._load = load
        self._metrics = metrics
        # Before they are read: a change meanwhile is seen the next time.
        self._seen = self._look()
        self._settling = self._seen
        load()

    def _look(self) -> tuple[tuple[int, ...] | None, ...]:
        """What changes when a file does; Kubernetes swaps a folder's link, so links are followed."""
        found: list[tuple[int, ...] | None] = []
        for path in self._paths:
            try:
                status = os.stat(path)
            except OSError:
                found.append(None)
            else:
                found.append((status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size))
        return tuple(found)

    def check(self) -> None:
        """Read the files if they have changed since they were read, and not any more since the last check.

        A certificate and its key are often written one after the other, and a file may be half written: a change is
        left alone until it has settled.
        """
        now = self._look()
        has_settled, self._settling = now == self._settling, now
        if now == self._seen or not has_settled:
            return
        self._seen = now
        try:
            self._load()
        except ConfigurationError as error:
            _LOG.error("The new %s are not used, the old ones stay in force: %s", self.what, error)
            ok = False
        else:
            _LOG.info("The %s were read again", self.what)
            ok = True
        if self._metrics is not None:
            self._metrics.files_reloaded(self.what, ok=ok)


async def watch_files(files: Iterable[WatchedFiles], seconds: float, told: asyncio.Event) -> None:
    """Check all of them until cancelled; in a thread, as a file on a slow disk must not hold up requests.

    Args:
        files: those that are watched.
        seconds: between two looks; 0 looks only when told.
        told: set when they shall be looked at now.
    """
    watched = tuple(files)
    while True:
        looks = 2 if await told_within(told, seconds) else 1
        for look in range(looks):
            if look:
                await asyncio.sleep(SETTLE_SECONDS)
            for each in watched:
                await asyncio.to_thread(each.check)


async def told_within(told: asyncio.Event, seconds: float) -> bool:
    """Whether an event was set, and is cleared again, before the time was over; 0 waits without end."""
    try:
        async with asyncio.timeout(seconds or None):
            await told.wait()
    except TimeoutError:
        return False
    told.clear()
    return True
