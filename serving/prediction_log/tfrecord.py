"""TFRecord framing, without TensorFlow.

A record is its length (uint64), the masked CRC-32C of these eight bytes (uint32), the data, and the masked CRC-32C of
the data (uint32), all little-endian; a mask keeps data that holds checksums of its own from being confused with them
(https://www.tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details").
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

_MASK = 0xA282EAD8
_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_GZIP_MAGIC = b"\x1f\x8b"
# protobuf holds no larger message, so no record of this format can be longer.
_LONGEST_RECORD = 2**31 - 1


class TruncatedRecordError(ValueError):
    """A file ends inside a record, as one does whose writer was killed. Every record before was whole."""


class CorruptRecordError(ValueError):
    """A checksum is wrong, or this is no TFRecord file; nothing behind this place can be read."""


def frame(data: bytes) -> bytes:
    """One record as it stands in a file."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _FOOTER.pack(_masked_crc(length)), data, _FOOTER.pack(_masked_crc(data))))


def framed_size(data: bytes) -> int:
    """Bytes that a record takes in a plain file."""
    return _HEADER.size + len(data) + _FOOTER.size


def read_records(path: Path) -> Iterator[bytes]:
    """The records of a file, plain or gzipped (told from its first bytes).

    Raises:
        TruncatedRecordError: at the end of a file that was cut off, after its last whole record.
        CorruptRecordError: where a checksum does not match.
        OSError: the file can't be read.
    """
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if is_gzip:
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield from _records(unpacked, path)
        else:
            yield from _records(raw, path)


def _records(file: BinaryIO | gzip.GzipFile, path: Path) -> Iterator[bytes]:
    count = 0
    while True:
        header = _read(file, _HEADER.size, path, count)
        if not header:
            return
        length, checksum = _HEADER.unpack(_whole(header, _HEADER.size, path, count))
        if checksum != _masked_crc(header[:8]) or length > _LONGEST_RECORD:
            raise CorruptRecordError(
                f"{path}: record {count} has a wrong checksum over its length; the file is damaged here, or it is no "
                "TFRecord file"
            )
        data = _whole(_read(file, length, path, count), length, path, count)
        footer = _whole(_read(file, _FOOTER.size, path, count), _FOOTER.size, path, count)
        if _FOOTER.unpack(footer)[0] != _masked_crc(data):
            raise CorruptRecordError(f"{path}: record {count} has a wrong checksum; the file is damaged here")
        yield data
        count += 1


def _read(file: BinaryIO | gzip.GzipFile, size: int, path: Path, count: int) -> bytes:
    try:
        return file.read(size)
    except EOFError as error:
        raise TruncatedRecordError(f"{path}: the file ends inside record {count}") from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise CorruptRecordError(f"{path}: record {count} does not decompress ({error})") from error


def _whole(data: bytes, size: int, path: Path, count: int) -> bytes:
    if len(data) < size:
        raise TruncatedRecordError(f"{path}: the file ends inside record {count}")
    return data


def _masked_crc(data: bytes) -> int:
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF
