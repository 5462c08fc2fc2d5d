"""SIGTERM, with which Kubernetes ends a pod, as an exception: what was begun elsewhere can be taken away."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# As a shell says that the signal ended a process.
_EXIT_CODE = 128 + signal.SIGTERM


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """While open, SIGTERM raises SystemExit; outside of the main thread, where Python hears none, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit(number: int, frame: Any) -> None:
    # Once: what is taken away then takes its time.
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(_EXIT_CODE)
