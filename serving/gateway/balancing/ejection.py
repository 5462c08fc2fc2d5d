"""Leaves model servers alone that fail, or that are slower than the others: circuit breaking, server by server.

A server is ejected for a time that doubles with each ejection. When it is over one request tries the server: if that
is answered the server is back, if not it is ejected again. Only a share of the servers is ejected at once, so a single
one never is, and what befalls all of them alike makes none an outlier.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Iterable

from serving.errors import Code
from serving.gateway.balancing.metrics import BalancingMetrics, Circuit
from serving.gateway.balancing.server_health import ServerHealth
from serving.gateway.balancing.settings import EjectionSettings

_LOG = logging.getLogger(__name__)

# A server that runs out of a deadline shorter than this is not to blame: clients choose deadlines.
FAIR_SECONDS = 1.0

# Failures of a server; other errors are the request's fault. What the model does (INTERNAL and so on) only counts in
# comparison with the other servers: a broken version fails on all of them.
_NO_ANSWER = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED})
_FAILURES = _NO_ANSWER | {Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS, Code.RESOURCE_EXHAUSTED, Code.ABORTED}


class Ejections:
    """Knows for each server whether it should be asked."""

    def __init__(
        self, settings: EjectionSettings, metrics: BalancingMetrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._servers: dict[str, ServerHealth] = {}
        self._interval_started = clock()

    def set_servers(self, addresses: Iterable[str]) -> None:
        """Replace the list of servers; those that stay keep their history."""
        self._servers = {address: self._servers.get(address, ServerHealth()) for address in addresses}

    def admits(self, address: str) -> bool:
        """Whether the server gets requests: it is not ejected, or it is time to try it with one."""
        server = self._servers.get(address)
        if server is None or server.ejected_until is None:
            return True
        return self._clock() >= server.ejected_until and not server.on_trial

    def call_started(self, address: str) -> bool:
        """A call to the server begins; returns whether it is the one that tries it."""
        server = self._servers.get(address)
        if server is None or server.ejected_until is None or server.on_trial or self._clock() < server.ejected_until:
            return False
        server.on_trial = True
        self._metrics.circuit(address, Circuit.HALF_OPEN)
        return True

    def call_ended(
        self, address: str, code: Code | None, *, seconds: float, allowed_seconds: float, trial: bool
    ) -> None:
        """A call has ended.

        Args:
            address: of the server that was asked.
            code: None for success.
            seconds: how long it took.
            allowed_seconds: how long it might have taken.
            trial: what `call_started` said.
        """
        server = self._servers.get(address)
        if server is None:
            return
        if trial:
            server.on_trial = False
        if code is Code.CANCELLED:  # the client went away; the server can't be judged
            if trial:
                self._metrics.circuit(address, Circuit.OPEN)
            return
        failed = code in _FAILURES and not (code is Code.DEADLINE_EXCEEDED and allowed_seconds < FAIR_SECONDS)
        server.calls += 1
        if failed:
            server.failures += 1
        else:
            server.seconds += seconds
        server.failures_in_row = server.failures_in_row + 1 if failed and code in _NO_ANSWER else 0
        if trial:
            self._end_trial(address, server, answered=not server.failures_in_row)
        elif (
            server.ejected_until is None
            and self._settings.consecutive_failures is not None
            and server.failures_in_row >= self._settings.consecutive_failures
        ):
            self._eject(address, server, "consecutive_failures", f"{server.failures_in_row} calls in a row failed")
        if self._clock() - self._interval_started >= self._settings.interval_seconds:
            self._end_interval()

    def _end_trial(self, address: str, server: ServerHealth, *, answered: bool) -> None:
        server.ejected_until = None
        if answered:
            self._metrics.circuit(address, Circuit.CLOSED)
            _LOG.info("Model server %s answers again and gets requests", address)
            server.start_interval()
        else:
            self._eject(address, server, "trial", "it failed again when it was tried")

    def _end_interval(self) -> None:
        self._interval_started = self._clock()
        settings = self._settings
        compared = {
            address: server
            for address, server in self._servers.items()
            if server.ejected_until is None and server.calls >= settings.min_requests
        }
        outliers: dict[str, tuple[str, str]] = {}
        for address, server in compared.items():
            others = [other for name, other in compared.items() if name != address]
            found = self._outlier(server, others) if others else None
            if found is not None:
                outliers[address] = found
        for address, server in compared.items():
            if address in outliers:
                self._eject(address, server, *outliers[address])
            else:
                server.ejections = max(0, server.ejections - 1)
        for server in self._servers.values():
            server.start_interval()

    def _outlier(self, server: ServerHealth, others: list[ServerHealth]) -> tuple[str, str] | None:
        """Reason and detail when the server is worse than the others' median."""
        settings = self._settings
        rate = statistics.median(other.failure_rate() for other in others)
        margin = settings.max_failure_rate_above_others
        if margin is not None and server.failure_rate() > rate + margin:
            return "failure_rate", f"{server.failure_rate():.1%} of its calls failed, of the others' {rate:.1%}"
        means = [mean for other in others if (mean := other.mean_seconds()) is not None]
        mine, factor = server.mean_seconds(), settings.max_latency_of_others
        if factor is not None and mine is not None and means:
            usual = statistics.median(means)
            if mine > factor * usual:
                return "latency", f"its calls take {mine * 1000:.1f} ms, the others' {usual * 1000:.1f} ms"
        return None

    def _eject(self, address: str, server: ServerHealth, reason: str, detail: str) -> None:
        settings = self._settings
        ejected = sum(other.ejected_until is not None for other in self._servers.values())
        if ejected + 1 > settings.max_share * len(self._servers):
            self._metrics.spared(reason)
            self._metrics.circuit(address, Circuit.CLOSED)
            _LOG.debug("Model server %s is not ejected although %s: too few others are left", address, detail)
            server.failures_in_row = 0
            return
        seconds = min(settings.max_seconds, settings.base_seconds * 2.0 ** min(server.ejections, 30))
        server.ejections += 1
        server.ejected_until = self._clock() + seconds
        server.failures_in_row = 0
        server.start_interval()
        self._metrics.ejected(address, reason)
        self._metrics.circuit(address, Circuit.OPEN)
        _LOG.warning("Model server %s is ejected for %g s: %s", address, seconds, detail)
