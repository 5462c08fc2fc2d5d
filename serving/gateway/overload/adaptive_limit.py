"""How many requests are worked on at once: fewer while the gateway itself can't keep up."""

from __future__ import annotations

# Netflix's concurrency-limits, AIMDLimit: backoffRatio, and growth only where half of the limit is in use.
_BACKOFF = 0.9
_USED_SHARE = 0.5
# Where it is not the requests that are worked on which make the loop late, fewer of them help little: a quarter of what
# is configured is always worked on.
_LEAST_SHARE = 0.25


class AdaptiveLimit:
    """Additive increase, multiplicative decrease, by the event loop's lag.

    What a model server takes its time over does not count: the requests that wait for it cost the gateway nothing, and
    the configured maximum bounds them.

    Attributes:
        most: the configured maximum.
        current: requests that may be worked on now, `most` unless the loop is late.
    """

    def __init__(self, most: int, max_lag_seconds: float | None) -> None:
        """Start at the maximum; with `max_lag_seconds` None it stays there."""
        self.most = most
        self.current = most
        self._max_lag = max_lag_seconds
        self._was_late = False
        self._least = max(1, int(most * _LEAST_SHARE))

    def note(self, lag_seconds: float, most_in_use: int) -> None:
        """Adapt after an interval, in which at most `most_in_use` requests were worked on at once."""
        if self._max_lag is None:
            return
        was_late, self._was_late = self._was_late, lag_seconds > self._max_lag
        if self._was_late:
            # A single step that took long is no load, and what makes a gateway late that has little to do is others'.
            if was_late and most_in_use > self._least:
                # What was in use is what caused the lag; the unused rest of the limit can go at once.
                self.current = max(self._least, int(min(self.current, most_in_use) * _BACKOFF))
        elif self.current < self.most and most_in_use >= self.current * _USED_SHARE:
            self.current += 1
