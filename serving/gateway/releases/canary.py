"""A canary under trial: which requests it gets, how it does, and whether it still may."""

from __future__ import annotations

import logging
import time
from typing import Any

from serving.gateway.releases.assignment import is_assigned
from serving.gateway.releases.guard import Verdict, judge
from serving.gateway.releases.metrics import ReleaseMetrics
from serving.gateway.releases.settings import CanarySettings, StopSettings
from serving.gateway.releases.window import OutcomeWindow

_LOG = logging.getLogger(__name__)


class Canary:
    """Stays stopped once it is; a changed configuration makes a new one.

    Attributes:
        verdict: why it was stopped; None while it runs.
    """

    def __init__(self, settings: CanarySettings, metrics: ReleaseMetrics) -> None:
        self.settings = settings
        self._metrics = metrics
        self.verdict: Verdict | None = None
        seconds = (settings.stop or StopSettings()).window_seconds
        self._canary = OutcomeWindow(seconds)
        self._stable = OutcomeWindow(seconds)
        metrics.canary(settings.weight, stopped=False)

    def takes(self, key: str) -> bool:
        """Whether a request of the client `key` (empty: of any) is the canary's."""
        return self.verdict is None and is_assigned(self.settings.weight, key, str(self.settings.target))

    def note_stable(self, seconds: float, *, failed: bool) -> None:
        """Stable has answered or failed."""
        self._stable.add(time.monotonic(), seconds, failed=failed)

    def note(self, seconds: float, *, failed: bool) -> None:
        """The canary has answered or failed; stops it when that was too much."""
        now = time.monotonic()
        self._canary.add(now, seconds, failed=failed)
        if self.settings.stop is None or self.verdict is not None:
            return
        self._stable.forget(now)
        self.verdict = judge(self.settings.stop, self._canary, self._stable)
        if self.verdict is not None:
            self._metrics.canary(0.0, stopped=True)
            self._metrics.canary_was_stopped(self.verdict.reason)
            _LOG.error(
                "Canary %s is stopped: %s. Its traffic goes to stable until serving.releases changes",
                self.settings.target,
                self.verdict.detail,
            )

    def describe(self) -> dict[str, Any]:
        """Its state, for people and programs."""
        now = time.monotonic()
        for window in (self._canary, self._stable):
            window.forget(now)
        return {
            "target": self.settings.target,
            "weight": self.settings.weight,
            "stopped": self.verdict is not None,
            "reason": self.verdict.detail if self.verdict is not None else None,
            "window": {"canary": _summary(self._canary), "stable": _summary(self._stable)},
        }


def _summary(window: OutcomeWindow) -> dict[str, Any]:
    return {
        "requests": window.requests,
        "errors": window.errors,
        "mean_ms": round(window.mean_seconds() * 1000, 3),
        "p99_ms": round(window.p99_seconds() * 1000, 3),
    }
