"""The time a training takes."""

from __future__ import annotations

import time


class Clock:
    """How long a training has taken, over all its sessions, and whether this session's time is up."""

    def __init__(self, before: float, minutes: float | None) -> None:
        """Takes the seconds of earlier sessions, and the minutes that this one may take; None for any number."""
        self._before = before
        self._started = time.monotonic()
        self.minutes = minutes

    def seconds(self) -> float:
        """Of all sessions."""
        return self._before + time.monotonic() - self._started

    def is_over(self) -> bool:
        """Whether this session has had its minutes."""
        return self.minutes is not None and time.monotonic() - self._started >= 60 * self.minutes
