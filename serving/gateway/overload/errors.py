"""How a request is told that it came at a bad time."""

from __future__ import annotations

from enum import StrEnum

from serving.errors import Code, ServingError


class Shed(StrEnum):
    """Why a request was turned away because of load, for metrics."""

    CONCURRENCY = "concurrency"
    QUEUE_TIME = "queue_time"
    BUFFERED_BYTES = "buffered_bytes"
    RATE_LIMIT = "rate_limit"


class OverloadedError(ServingError):
    """A request turned away because of others.

    Attributes:
        retry_after_seconds: what the client is told to wait.
        reason: which limit it met.
    """

    def __init__(self, message: str, retry_after_seconds: int, reason: Shed) -> None:
        super().__init__(Code.RESOURCE_EXHAUSTED, message)
        self.retry_after_seconds = retry_after_seconds
        self.reason = reason
