"""One line of JSON for each request: what was asked, what came of it, how long it took. Never an image's bytes."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from serving.gateway.record import RequestRecord
from serving.gateway.settings import LogSettings

# A name or a message that came from a client is cut to this many characters.
_LONGEST_TEXT = 512


class RequestLog:
    """Writes the lines. `failures` counts the ones that could not be written; a full disk costs no request."""

    def __init__(self, settings: LogSettings, stream: TextIO | None = None) -> None:
        """`stream` replaces the file or standard error that the settings name.

        Raises:
            OSError: when the log's file can't be opened.
        """
        self._which = settings.requests
        self._file: TextIO | None = None
        if stream is None and settings.path is not None:
            stream = self._file = Path(settings.path).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115
        self._stream = stream
        self.failures = 0

    def write(self, record: RequestRecord) -> None:
        """Write `record` when the settings ask for it."""
        if self._which == "none" or (self._which == "errors" and record.code is None):
            return
        try:
            print(json.dumps(_line(record)), file=self._stream or sys.stderr, flush=True)
        except OSError:  # metrics.py shows the count
            self.failures += 1

    def close(self) -> None:
        """Close the log's file if it has one of its own."""
        if self._file is not None:
            self._file.close()


def _line(record: RequestRecord) -> dict[str, Any]:
    line: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "event": "request",
        "request_id": record.request_id,
        "protocol": record.protocol,
        "method": record.method,
        "model": record.model[:_LONGEST_TEXT],
        "version": record.answered_version or record.version,
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
