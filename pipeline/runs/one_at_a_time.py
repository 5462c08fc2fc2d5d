"""One run of a model at a time, among those that keep their records in the same folder."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from darkroom.configuration import DarkroomConfig
from darkroom.errors import DarkroomError


class UnderWayError(DarkroomError):
    """Another run of the model is at work."""


@contextmanager
def one_at_a_time(config: DarkroomConfig) -> Iterator[None]:
    """Holds the model's turn inside; the system gives it back when the process ends, however it does (flock(2)).

    Only where `pipeline.root` is a folder. Runs of a cluster take turns of their own (`pipeline.container_steps.turn`).

    Raises:
        UnderWayError: another process holds it.
    """
    if "://" in config.pipeline_root:
        yield
        return
    path = Path(config.pipeline_root, f"running-{config.pipeline_name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise DarkroomError(
            f"Cannot write {path}: {error}. Set pipeline.root to a folder that can be written."
        ) from error
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UnderWayError(
                f"A run of {config.model.name} is under way ({_holder(file.read())}); two would compare and push past "
                "each other"
            ) from error
        file.truncate()
        json.dump({"process": os.getpid(), "host": socket.gethostname(), "since": _now()}, file)
        file.flush()
        yield


def _holder(text: str) -> str:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return "it has only just begun"
    return f"process {found['process']} on {found['host']}, since {found['since']}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
