"""What worker processes do in the tests of processes, without TensorFlow, which takes seconds to import."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from darkroom.errors import DataError, TrainingPausedError


def fail(argument: dict[str, Any]) -> None:
    """Ends with an error for people."""
    raise DataError("there is nothing to learn from")


def speak_and_exit(argument: dict[str, Any]) -> None:
    """Says something, then is gone."""
    print("the last words", flush=True)  # noqa: T201 - it goes to the worker's log
    os._exit(argument["code"])


def sleep(argument: dict[str, Any]) -> None:
    """Longer than any test."""
    time.sleep(600)


def write_place(argument: dict[str, Any]) -> None:
    """Leaves a file with TF_CONFIG behind, called after this process's place."""
    place = json.loads(os.environ["TF_CONFIG"])["task"]
    print(f"here is {place['type']} {place['index']}", flush=True)  # noqa: T201 - it goes to the worker's log
    (Path(argument["folder"]) / f"{place['type']}-{place['index']}").write_text(os.environ["TF_CONFIG"])


def sleep_at_first(argument: dict[str, Any]) -> None:
    """The first start of a worker sleeps until somebody ends it, the next one writes."""
    place = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    mark = Path(argument["folder"]) / f"started-{place}"
    if not mark.exists():
        mark.touch()
        sleep(argument)
    write_place(argument)


def first_fails(argument: dict[str, Any]) -> None:
    """Worker 1 fails in the way that is asked for, when all have begun; the others sleep."""
    place = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    (Path(argument["folder"]) / f"started-{place}").touch()
    if place != 1:
        sleep(argument)
    while len(list(Path(argument["folder"]).glob("started-*"))) < 2:
        time.sleep(0.01)
    if argument["how"] == "data":
        raise DataError("there is nothing\nto learn from")
    if argument["how"] == "paused":
        raise TrainingPausedError("the time is up")
    if argument["how"] == "code":
        speak_and_exit({"code": 3})
    os.kill(os.getpid(), signal.SIGSEGV)


def write(argument: dict[str, Any]) -> None:
    """Leaves a file behind."""
    Path(argument["file"]).write_text(argument["text"])
