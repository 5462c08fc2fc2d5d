"""How one model server has answered lately, and whether it is ejected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ServerHealth:
    """Numbers of one model server. Times are `time.monotonic()`.

    Attributes:
        failures_in_row: calls that it did not answer, since the last one that it did.
        calls, failures, seconds: in this interval; `seconds` of the calls that succeeded, all together.
        ejections: how often it was ejected, less the good intervals since.
        ejected_until: when it may be tried again; None while it gets requests.
        on_trial: whether a request tries it.
    """

    failures_in_row: int = 0
    calls: int = 0
    failures: int = 0
    seconds: float = 0.0
    ejections: int = 0
    ejected_until: float | None = None
    on_trial: bool = False

    def failure_rate(self) -> float:
        """Share of failed calls in this interval; 0 without any."""
        return self.failures / self.calls if self.calls else 0.0

    def mean_seconds(self) -> float | None:
        """Mean latency of this interval's successful calls; None without any."""
        succeeded = self.calls - self.failures
        return self.seconds / succeeded if succeeded else None

    def start_interval(self) -> None:
        """Count from zero."""
        self.calls = self.failures = 0
        self.seconds = 0.0
