"""One shard while it is written: whole records only, whatever happens to the process or to the disk.

Its name ends in `.partial` until it is finished, so that `*.tfrecord` and `*.tfrecord.gz` are files that stand still. A
lock on it says that its writer lives; one without was left by a process that died, and `recover_shards` finishes it.
"""

from __future__ import annotations

import fcntl
import gzip
import logging
import os
import socket
import time
import uuid
import zlib
from datetime import UTC, datetime
from pathlib import Path

from serving.prediction_log.tfrecord import CorruptRecordError, TruncatedRecordError, frame, framed_size, read_records

_LOG = logging.getLogger(__name__)

PARTIAL = ".partial"
# Images are compressed already: the fastest level only takes what repeats around them.
_GZIP_LEVEL = 1
# zlib's way to ask for gzip's header and checksum (zlib manual, inflateInit2).
_GZIP_WBITS = 31
_PIECE = 1 << 20


class Shard:
    """An open shard. Not thread-safe: one thread writes.

    Attributes:
        size: bytes of the whole records in it.
        records: how many these are.
    """

    def __init__(self, folder: Path, *, compress: bool) -> None:
        """Create the file.

        Raises:
            OSError: when that is not possible.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        # Names sort by time; the rest keeps the gateways of several machines apart in one folder.
        name = f"requests-{stamp}-{socket.gethostname().partition('.')[0]}-{uuid.uuid4().hex[:8]}.tfrecord"
        self._final = folder / (name + (".gz" if compress else ""))
        self.path = self._final.with_name(self._final.name + PARTIAL)
        self._compress = compress
        self._opened = time.monotonic()
        self.size = 0
        self.records = 0
        # Clients' images: for this user alone.
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise

    @property
    def age_seconds(self) -> float:
        """Seconds since the shard was created."""
        return time.monotonic() - self._opened

    def append(self, data: bytes) -> None:
        """Write one record, whole or not at all.

        The bytes go to the kernel at once, so what was appended survives the death of this process.

        Raises:
            OSError: such as ENOSPC; the shard then ends with the record before, and can go on.
        """
        record = frame(data)
        if self._compress:
            # Each record is a gzip member of its own (RFC 1952, section 2.2), so that the file is whole after each.
            record = gzip.compress(record, _GZIP_LEVEL)
        view = memoryview(record)
        written = 0
        try:
            while written < len(view):
                written += os.write(self._descriptor, view[written:])
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            os.lseek(self._descriptor, self.size, os.SEEK_SET)
            raise
        self.size += written
        self.records += 1

    def finish(self) -> Path | None:
        """Close the shard and give it its final name; an empty one is removed, and None returned.

        Raises:
            OSError: when it can't be renamed; it is closed all the same.
        """
        try:
            if not self.records:
                self.path.unlink(missing_ok=True)
                return None
            os.rename(self.path, self._final)
            return self._final
        finally:
            os.close(self._descriptor)


def recover_shards(folder: Path) -> list[Path]:
    """Finish what dead processes left: cut behind the last whole record, and give the final name.

    Returns:
        The shards that can be read now.

    Raises:
        OSError: when a file can't be read or renamed.
    """
    recovered = []
    for path in sorted(folder.glob(f"requests-*{PARTIAL}")):
        with path.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # another gateway is writing it
            if not path.exists():
                continue  # finished by another gateway between the glob and the lock
            whole = _whole_bytes(path)
            if not whole:
                path.unlink()
                continue
            file.truncate(whole)
            final = path.with_name(path.name.removesuffix(PARTIAL))
            path.rename(final)
            recovered.append(final)
            _LOG.info("Finished the shard %s that an earlier process left open", final)
    return recovered


def _whole_bytes(path: Path) -> int:
    """Bytes of the file up to the end of its last whole record."""
    if path.name.removesuffix(PARTIAL).endswith(".gz"):
        return _whole_members(path)
    whole = 0
    try:
        for data in read_records(path):
            whole += framed_size(data)
    except (TruncatedRecordError, CorruptRecordError) as error:
        _LOG.warning("%s; it is cut there", error)
    return whole


def _whole_members(path: Path) -> int:
    """Bytes of a gzip file up to the end of its last whole member; a record is a member."""
    whole = position = 0
    inflater = zlib.decompressobj(wbits=_GZIP_WBITS)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            position += len(piece)
            try:
                inflater.decompress(piece)
                while inflater.eof:
                    rest = inflater.unused_data
                    whole = position - len(rest)
                    inflater = zlib.decompressobj(wbits=_GZIP_WBITS)
                    inflater.decompress(rest)
            except zlib.error as error:
                _LOG.warning("%s: byte %d begins nothing whole (%s); it is cut there", path, whole, error)
                return whole
    return whole
