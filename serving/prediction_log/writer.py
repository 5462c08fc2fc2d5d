"""The thread that writes the prediction log, and the bounded queue before it. No request ever waits for either."""

from __future__ import annotations

import functools
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import EncodeError

from serving.prediction_log.settings import PredictionLogSettings
from serving.prediction_log.shard_folder import ShardFolder

_LOG = logging.getLogger(__name__)

_MEBIBYTE = 1 << 20
# Small requests are bounded by their number.
_QUEUED_RECORDS = 10_000
# keep_days is looked after at least this often, and a shard's age when its time comes.
_IDLE_SECONDS = 3600.0
# A full disk fails every record; one line a minute says so.
_SECONDS_BETWEEN_COMPLAINTS = 60.0


@dataclass(slots=True)
class WriterCounts:
    """What became of the records that were offered; read by metrics.

    Attributes:
        written: in a shard.
        dropped: did not fit into the queue, or came too late at the end.
        failed: could not be written, such as on a full disk.
        waiting_bytes: in the queue now.
    """

    written: int = 0
    dropped: int = 0
    failed: int = 0
    waiting_bytes: int = 0


class PredictionLogWriter:
    """Takes records from the event loop and writes them to a folder's shards.

    Attributes:
        counts: what became of the records so far.
        bytes_allowed: disk that the shards may take.
    """

    def __init__(self, settings: PredictionLogSettings, folder: Path) -> None:
        """Open the folder and start the thread.

        Raises:
            OSError: when the folder can't be made or written.
        """
        self._folder = ShardFolder(folder, settings)
        self._folder.open()
        self._path = folder
        self._max_bytes = settings.queue_megabytes * _MEBIBYTE
        self.bytes_allowed = settings.max_megabytes * _MEBIBYTE
        self._queue: queue.SimpleQueue[tuple[int, Callable[[], bytes]] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._stopping = False
        self._next_complaint = 0.0
        self.counts = WriterCounts()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    @property
    def bytes_on_disk(self) -> int:
        """What the shards take."""
        return self._folder.bytes_on_disk

    @property
    def shards_deleted(self) -> int:
        """Shards that were deleted to make room."""
        return self._folder.deleted

    def offer(self, size: int, make: Callable[[], bytes]) -> bool:
        """Queue a record of about `size` bytes, which `make` serialises in the thread; False when it is dropped."""
        with self._lock:
            fits = self._waiting < _QUEUED_RECORDS and self.counts.waiting_bytes + size <= self._max_bytes
            if self._stopping or not fits:
                self.counts.dropped += 1
                return False
            self._waiting += 1
            self.counts.waiting_bytes += size
        self._queue.put((size, make))
        return True

    def close(self, seconds: float) -> bool:
        """Write what waits and finish the shard; False when that took longer than `seconds`. Safe to call twice."""
        with self._lock:
            first, self._stopping = not self._stopping, True
        if first:
            self._queue.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            _LOG.warning(
                "The prediction log in %s still had %d requests to write after %g s; they are lost",
                self._path,
                self._waiting,
                seconds,
            )
            return False
        return True

    def _run(self) -> None:
        while True:
            until_old = self._folder.seconds_until_old()
            try:
                found = self._queue.get(timeout=_IDLE_SECONDS if until_old is None else until_old)
            except queue.Empty:
                self._guarded(self._folder.tidy, "its shards can't be tidied")
                continue
            if found is None:
                self._guarded(self._folder.finish, "the last shard can't be finished")
                return
            size, make = found
            written = self._guarded(functools.partial(self._append, make), "a request can't be written")
            with self._lock:
                self._waiting -= 1
                self.counts.waiting_bytes -= size
                if written:
                    self.counts.written += 1
                else:
                    self.counts.failed += 1

    def _append(self, make: Callable[[], bytes]) -> None:
        self._folder.append(make())

    def _guarded(self, work: Callable[[], None], what: str) -> bool:
        """Whether `work` succeeded; a failure is logged, at most once a minute, and ends no thread."""
        try:
            work()
        except (OSError, ValueError, EncodeError) as error:
            if time.monotonic() >= self._next_complaint:
                self._next_complaint = time.monotonic() + _SECONDS_BETWEEN_COMPLAINTS
                _LOG.warning(
                    "Prediction log in %s: %s (%s); requests are answered all the same", self._path, what, error
                )
            return False
        return True
