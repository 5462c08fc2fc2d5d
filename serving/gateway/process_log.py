"""The process's own log as JSON, a line for each message, for where a collector reads standard error."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

# Ids of the request and of its trace, which may be empty, for the task that answers it. Not its record: a task that
# outlives the request would keep the images alive.
CURRENT_REQUEST: ContextVar[tuple[str, str] | None] = ContextVar("current_request", default=None)


class JsonFormatter(logging.Formatter):
    """Messages in the form of the request log's lines, with the request and the trace that they belong to."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "event": "log",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        request = CURRENT_REQUEST.get()
        if request is not None:
            request_id, trace_id = request
            line["request_id"] = request_id
            if trace_id:
                line["trace_id"] = trace_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)
