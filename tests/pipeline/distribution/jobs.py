"""What worker processes do in the tests of processes, without TensorFlow, which takes seconds to import."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from darkroom.errors import DataError


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


def write(argument: dict[str, Any]) -> None:
    """Leaves a file behind."""
    Path(argument["file"]).write_text(argument["text"])
