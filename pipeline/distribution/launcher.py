"""Who starts the processes of a training: this machine, or a cluster that a step of the pipeline runs in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from pipeline.distribution.job import Job


class JobLauncher(Protocol):
    """Runs a job's workers somewhere else, with TF_CONFIG in the environment of each."""

    def run(self, job: Job) -> None:
        """Returns when all workers have ended.

        Raises:
            DarkroomError: they could not be started, or one of them failed.
        """


_launcher: ContextVar[JobLauncher | None] = ContextVar("job_launcher", default=None)


def launcher() -> JobLauncher | None:
    """The launcher in use; None where this machine starts the processes."""
    return _launcher.get()


@contextmanager
def launching_with(target: JobLauncher) -> Iterator[None]:
    """While open, workers of trainings that are not this machine's are started by `target`."""
    token = _launcher.set(target)
    try:
        yield
    finally:
        _launcher.reset(token)
