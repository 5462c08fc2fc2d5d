"""One line of JSON for each request: what was asked, what came of it, how long it took. Never an image's bytes."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from io import FileIO
from typing import Any

from serving.gateway.record import RequestRecord
from serving.gateway.settings import LogSettings

# A name or a message that came from a client is cut to this many characters.
_LONGEST_TEXT = 512


class RequestLog:
    """Writes the lines. `failures` counts the ones that could not be written; a full disk costs no request."""

    def __init__(self, settings: LogSettings) -> None:
        """Open the log.

        Raises:
            OSError: when the log's file can't be opened.
        """
        self._which = settings.requests
        # Unbuffered: a line that can't be written now must neither stay in memory nor come out at some later time.
        self._file: FileIO | None = FileIO(settings.path, "a") if settings.path is not None else None
        self.failures = 0

    def write(self, record: RequestRecord) -> None:
        """Write `record` when the settings ask for it."""
        if self._which == "none" or (self._which == "errors" and record.code is None):
            return
        self._write(_line(record))

    def write_shed(self, requests: int) -> None:
        """Write how many requests were turned away within a second without a line of their own."""
        if self._which != "none":
            self._write({"time": _now(), "event": "shed", "requests": requests})

    def _write(self, document: dict[str, Any]) -> None:
        if self._file is not None and self._file.closed:
            # A request that was given up when the gateway stopped, or the count of a last second.
            self.failures += 1
            return
        line = json.dumps(document) + "\n"
        try:
            if self._file is not None:
                self._file.write(line.encode())
            else:
                sys.stderr.write(line)
                sys.stderr.flush()
        except OSError:  # metrics.py shows the count
            self.failures += 1

    def close(self) -> None:
        """Close the log's file if it has one."""
        if self._file is not None:
            self._file.close()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _line(record: RequestRecord) -> dict[str, Any]:
    line: dict[str, Any] = {
        "time": _now(),
        "event": "request",
        "request_id": record.request_id,
        "trace_id": record.trace_id or None,
        "key": record.caller.name if record.caller is not None else None,
        "protocol": record.protocol,
        "method": record.method,
        "model": record.model[:_LONGEST_TEXT],
        "version": record.answered_version or record.version,
        "arm": record.arm or None,
        "label": record.label[:_LONGEST_TEXT] or None,
        "signature": record.signature[:_LONGEST_TEXT] or None,
        "code": record.code.name if record.code is not None else "OK",
        "http_status": record.http_status,
        "duration_ms": round(record.elapsed_ms(), 3),
        "timing_ms": {name: round(value, 3) for name, value in record.timing_ms.items()} or None,
        "request_bytes": record.request_bytes or None,
        "images": len(record.images) or None,
        "image_bytes": sum(record.image_bytes) or None,
        "formats": sorted({header.format.value for header in record.images}) or None,
        "reason": record.refusal.value if record.refusal is not None else None,
        "error": record.error[:_LONGEST_TEXT] or None,
    }
    return {name: value for name, value in line.items() if value is not None}
