"""Bounds retries, so that they don't become the load that keeps an overloaded model server down."""

from __future__ import annotations

from serving.gateway.balancing.settings import RetrySettings

# A server that dies takes all its calls with it at once: the share of this many requests may be retried together.
_BURST_REQUESTS = 1000.0


class RetryBudget:
    """A token bucket that requests fill. Times are `time.monotonic()`."""

    def __init__(self, settings: RetrySettings, now: float) -> None:
        self._settings = settings
        self._most = max(_BURST_REQUESTS * settings.share, settings.min_per_second, 1.0)
        self._tokens = settings.min_per_second
        self._filled = now

    def request(self, now: float) -> None:
        """A request arrives, which allows a share of a retry."""
        self._fill(now)
        self._tokens = min(self._most, self._tokens + self._settings.share)

    def take(self, now: float) -> bool:
        """Whether a retry is allowed now; counts it when it is."""
        self._fill(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _fill(self, now: float) -> None:
        self._tokens = min(self._most, self._tokens + self._settings.min_per_second * (now - self._filled))
        self._filled = now
