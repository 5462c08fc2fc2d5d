"""Telling people what a run does, wherever it runs: the command shows it on a terminal, a container step logs it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EpochProgress:
    """One finished epoch of training.

    Attributes:
        epoch: from 1.
        epochs: the most that may run.
        metrics: by Keras's names: `loss`, `accuracy`, `val_loss`, `val_accuracy`.
        seconds: duration of this epoch.
        phase: of the recipe.
    """

    epoch: int
    epochs: int
    metrics: dict[str, float]
    seconds: float
    phase: str = ""


class ProgressReporter(Protocol):
    """Receives what components tell while they run."""

    def epoch(self, progress: EpochProgress) -> None:
        """An epoch of training has ended."""

    def step(self, text: str) -> None:
        """A part of a component's work is done."""

    def note(self, text: str) -> None:
        """Something that people should know now."""


class LogReporter:
    """Writes progress to the log."""

    def epoch(self, progress: EpochProgress) -> None:
        """Logs one line."""
        metrics = " ".join(f"{name}={value:.4f}" for name, value in progress.metrics.items())
        where = f"{progress.phase} epoch {progress.epoch}/{progress.epochs}".strip()
        _log.info("%s %s (%.1f s)", where, metrics, progress.seconds)

    def step(self, text: str) -> None:
        """Logs one line."""
        _log.info("%s", text)

    def note(self, text: str) -> None:
        """Logs one line."""
        _log.info("%s", text)


_reporter: ContextVar[ProgressReporter | None] = ContextVar("progress_reporter", default=None)


def reporter() -> ProgressReporter:
    """The reporter in use; the log when none was set."""
    return _reporter.get() or LogReporter()


@contextmanager
def reporting_to(target: ProgressReporter) -> Iterator[None]:
    """While open, components in this process report to `target`."""
    token = _reporter.set(target)
    try:
        yield
    finally:
        _reporter.reset(token)
