"""What a worker process tells the one that started it: progress, and the error that ended it, as lines of JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import IO, Any

from darkroom import errors
from darkroom.errors import DarkroomError
from pipeline.progress import EpochProgress, ProgressReporter


class MessageWriter:
    """The worker's end; also a progress reporter."""

    def __init__(self, pipe: IO[str]) -> None:
        """Takes the writing end of a pipe."""
        self._pipe = pipe

    def epoch(self, progress: EpochProgress) -> None:
        """An epoch of training has ended."""
        self._write({"epoch": dataclasses.asdict(progress)})

    def step(self, text: str) -> None:
        """A part of a component's work is done."""
        self._write({"step": text})

    def note(self, text: str) -> None:
        """Something that people should know now."""
        self._write({"note": text})

    def failure(self, error: DarkroomError) -> None:
        """The error, which the process that started this one raises again."""
        self._write({"error": type(error).__name__, "text": str(error)})

    def _write(self, message: dict[str, Any]) -> None:
        self._pipe.write(json.dumps(message) + "\n")
        self._pipe.flush()


def deliver(line: str, reporter: ProgressReporter) -> DarkroomError | None:
    """Passes a worker's line on; returns the error that it carries, if any."""
    message = json.loads(line)
    if "epoch" in message:
        reporter.epoch(EpochProgress(**message["epoch"]))
    elif "step" in message:
        reporter.step(message["step"])
    elif "note" in message:
        reporter.note(message["note"])
    elif "error" in message:
        known = getattr(errors, message["error"], DarkroomError)
        error: DarkroomError = known(message["text"])
        return error
    return None
