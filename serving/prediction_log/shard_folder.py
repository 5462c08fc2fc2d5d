"""The folder of shards: when one is finished and the next begins, and which are deleted so that the disk suffices."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from serving.prediction_log.settings import PredictionLogSettings
from serving.prediction_log.shard import PARTIAL, Shard, recover_shards

_LOG = logging.getLogger(__name__)

_MEBIBYTE = 1 << 20
_DAY_SECONDS = 86_400
_NAMES = "requests-*.tfrecord*"


class ShardFolder:
    """Appends records to shards. Belongs to one thread.

    Attributes:
        bytes_on_disk: what all shards take, those of other gateways in the same folder included; as of the last look.
        deleted: shards that had to go.
    """

    def __init__(self, folder: Path, settings: PredictionLogSettings) -> None:
        """Nothing is touched yet."""
        self._folder = folder
        self._compress = settings.compression == "gzip"
        self._shard_bytes = settings.shard_megabytes * _MEBIBYTE
        self._shard_seconds = settings.shard_minutes * 60
        self._max_bytes = settings.max_megabytes * _MEBIBYTE
        self._keep_seconds = None if settings.keep_days is None else settings.keep_days * _DAY_SECONDS
        self._shard: Shard | None = None
        self.bytes_on_disk = 0
        self.deleted = 0

    def open(self) -> None:
        """Make the folder, finish what dead processes left, and delete what is too much.

        Raises:
            OSError: when the folder can't be made or written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        recover_shards(self._folder)
        self._make_room(0)

    def append(self, data: bytes) -> None:
        """Write one record.

        Raises:
            OSError: when it can't be written; earlier records stay whole.
            ValueError: when it alone is more than the folder may hold.
        """
        if len(data) > self._max_bytes:
            raise ValueError(f"a request of {len(data)} bytes is more than max_megabytes allows for all of them")
        self._finish_old()
        if self._shard is not None and self._shard.size + len(data) > self._shard_bytes and self._shard.records:
            self.finish()
        if self._shard is None:
            # The whole of the coming shard is made room for at once, so that a look at the folder is rare.
            self._make_room(int(max(self._shard_bytes, len(data))))
            self._shard = Shard(self._folder, compress=self._compress)
        before = self._shard.size
        self._shard.append(data)
        self.bytes_on_disk += self._shard.size - before

    def seconds_until_old(self) -> float | None:
        """Time until the open shard must be finished; None when there is none."""
        return None if self._shard is None else max(0.0, self._shard_seconds - self._shard.age_seconds)

    def tidy(self) -> None:
        """Finish the open shard when its time has come, and delete shards that are kept for too long.

        Raises:
            OSError: when that is not possible.
        """
        self._finish_old()
        self._make_room(0)

    def finish(self) -> None:
        """Finish the open shard, if there is one.

        Raises:
            OSError: when it can't be renamed; the next start of a gateway does it then.
        """
        shard, self._shard = self._shard, None
        if shard is not None:
            shard.finish()

    def _finish_old(self) -> None:
        if self.seconds_until_old() == 0:
            self.finish()

    def _make_room(self, wanted: int) -> None:
        """Delete the oldest finished shards until `wanted` bytes fit below the limit."""
        shards = []
        total = 0
        for path in self._folder.glob(_NAMES):
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue  # another gateway made room
            total += stat.st_size
            if not path.name.endswith(PARTIAL):
                shards.append((stat.st_mtime, path, stat.st_size))
        oldest_kept = float("-inf") if self._keep_seconds is None else time.time() - self._keep_seconds
        for modified, path, size in sorted(shards):
            if total + wanted <= self._max_bytes and modified >= oldest_kept:
                break
            path.unlink(missing_ok=True)
            total -= size
            self.deleted += 1
            _LOG.info("Deleted the shard %s of %d bytes: the prediction log has its bounds", path, size)
        self.bytes_on_disk = total
