"""Runs that drift starts: one at a time, one for each alert, and not too often."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Sequence
from enum import StrEnum
from pathlib import Path

from darkroom.errors import DarkroomError

_log = logging.getLogger(__name__)

# A run whose start failed is tried again with the next notification after this.
RETRY_SECONDS = 900.0
# Alerts that were answered are remembered for as long; one that fires for longer gets another run.
REMEMBERED_SECONDS = 30 * 86400.0
# `darkroom`'s exit codes of a run that came to a result: pushed or submitted, and not blessed.
_WITH_RESULT = (0, 3)


class Reception(StrEnum):
    """What became of a notification."""

    STARTED = "started"
    RUN_UNDER_WAY = "run_under_way"
    ANSWERED_BEFORE = "answered_before"
    TOO_SOON = "too_soon"
    NOT_MEANT = "not_meant"


class DriftRuns:
    """Starts a command for alerts that fire. What it has answered survives a restart."""

    def __init__(self, command: Sequence[str], state: Path, cooldown_seconds: float) -> None:
        """Reads what was answered before.

        Args:
            command: starts a run, and ends with 0 or 3 when that went well.
            state: a file; its folder is made.
            cooldown_seconds: between the starts of two runs.

        Raises:
            DarkroomError: the file can't be read, written, or is something else.
        """
        self._command = tuple(command)
        self._state = state
        self._cooldown_seconds = cooldown_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._waiter: threading.Thread | None = None
        self._not_before, self._answered = self._read()
        try:
            state.parent.mkdir(parents=True, exist_ok=True)
            self._write()
        except OSError as error:
            raise DarkroomError(f"{state} can't be written ({error}); name another file with --state") from error

    def receive(self, alerts: Collection[str]) -> Reception:
        """Starts a run, unless there is a reason not to.

        Args:
            alerts: that fire, each by what tells one firing of it from the next.

        Raises:
            OSError: the command can't be started, or the file not be written.
        """
        with self._lock:
            now = time.time()
            if not alerts:
                return Reception.NOT_MEANT
            if self._process is not None:
                return Reception.RUN_UNDER_WAY
            known = {key for key, answered in self._answered.items() if now - answered < REMEMBERED_SECONDS}
            if known.issuperset(alerts):
                return Reception.ANSWERED_BEFORE
            if now < self._not_before:
                return Reception.TOO_SOON
            # Before the start: a receiver that dies in it must not start again and again.
            self._not_before = now + min(RETRY_SECONDS, self._cooldown_seconds)
            self._write()
            # Its own session: what ends the receiver waits for a run that is being submitted.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True
            )
            self._waiter = threading.Thread(target=self._wait, args=(self._process, frozenset(alerts), now))
            self._waiter.start()
            return Reception.STARTED

    def close(self, seconds: float) -> None:
        """Waits for a command that is under way; after `seconds` ends it.

        A run on this machine takes longer than that, and the next one goes on from what is cached.
        """
        waiter, process = self._waiter, self._process
        if waiter is None:
            return
        waiter.join(seconds)
        if process is not None and waiter.is_alive():
            process.terminate()
            waiter.join()

    def _wait(self, process: subprocess.Popen[bytes], alerts: frozenset[str], started: float) -> None:
        code = process.wait()
        with self._lock:
            self._process = None
            if code not in _WITH_RESULT:
                _log.error("The run could not be started or failed (exit code %d); it is tried again later", code)
                return
            _log.info("The run for drift: exit code %d", code)
            self._not_before = started + self._cooldown_seconds
            oldest = started - REMEMBERED_SECONDS
            self._answered = {key: at for key, at in self._answered.items() if at > oldest}
            self._answered |= dict.fromkeys(alerts, started)
            try:
                self._write()
            except OSError:
                _log.exception("%s can't be written: after a restart the same alert may start another run", self._state)

    def _read(self) -> tuple[float, dict[str, float]]:
        try:
            found = json.loads(self._state.read_text(encoding="utf-8"))
            return float(found["not_before"]), {str(key): float(at) for key, at in found["answered"].items()}
        except FileNotFoundError:
            return 0.0, {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DarkroomError(
                f"{self._state} is no record of runs for drift ({error!r}); remove it, or name another with --state"
            ) from error

    def _write(self) -> None:
        partial = self._state.with_name(f"{self._state.name}.partial")
        partial.write_text(json.dumps({"not_before": self._not_before, "answered": self._answered}), encoding="utf-8")
        os.replace(partial, self._state)
