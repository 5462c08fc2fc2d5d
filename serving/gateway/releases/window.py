"""How one arm of a release has done in the last seconds or minutes."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass

# Latencies are kept in buckets whose ends lie this factor apart, from a tenth of a millisecond on.
_FACTOR = 1.1
_SMALLEST_SECONDS = 1e-4
# Beyond this many requests the window is the last ones only: memory stays bounded, and the judgement is as good.
_MOST_REQUESTS = 20_000


@dataclass(frozen=True, slots=True)
class _Outcome:
    at: float
    seconds: float
    failed: bool


class OutcomeWindow:
    """Outcomes of requests, forgotten after `window_seconds`. Times are `time.monotonic()`.

    Attributes:
        requests: in the window.
        errors: how many of them failed.
    """

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._outcomes: deque[_Outcome] = deque()
        self._buckets: Counter[int] = Counter()
        self._seconds = 0.0
        self.requests = 0
        self.errors = 0

    def add(self, now: float, seconds: float, *, failed: bool) -> None:
        """One request has ended; the latency counts when it was answered."""
        self._outcomes.append(_Outcome(now, seconds, failed))
        self._count(self._outcomes[-1], 1)
        self.forget(now)

    def forget(self, now: float) -> None:
        """Drop what is older than the window."""
        while self._outcomes and (
            self._outcomes[0].at < now - self._window_seconds or len(self._outcomes) > _MOST_REQUESTS
        ):
            self._count(self._outcomes.popleft(), -1)
        if not self._outcomes:
            self._seconds = 0.0  # additions and subtractions of floats leave a rest

    def _count(self, outcome: _Outcome, sign: int) -> None:
        self.requests += sign
        if outcome.failed:
            self.errors += sign
        else:
            self._seconds += sign * outcome.seconds
            self._buckets[_bucket(outcome.seconds)] += sign

    @property
    def error_rate(self) -> float:
        """Share of failed requests; 0 without any."""
        return self.errors / self.requests if self.requests else 0.0

    @property
    def answered(self) -> int:
        """Requests that did not fail."""
        return self.requests - self.errors

    def mean_seconds(self) -> float:
        """Mean latency of the answered requests; 0 without any."""
        return max(self._seconds, 0.0) / self.answered if self.answered else 0.0

    def p99_seconds(self) -> float:
        """The latency that 99 % of the answered requests kept, at most 10 % too large; 0 without any."""
        wanted = math.ceil(0.99 * self.answered)
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted > 0:
                return float(_SMALLEST_SECONDS * _FACTOR**bucket)
        return 0.0


def _bucket(seconds: float) -> int:
    """The number of the bucket, whose upper end is `_SMALLEST_SECONDS * _FACTOR ** number`."""
    return max(0, math.ceil(math.log(max(seconds, _SMALLEST_SECONDS) / _SMALLEST_SECONDS, _FACTOR)))
