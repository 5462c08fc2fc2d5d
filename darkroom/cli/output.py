"""Keeping libraries' noise off the screen: file descriptors 1 and 2 go to a log while people's output goes on."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.console import Console


@dataclass(frozen=True, slots=True)
class Streams:
    """Where a command writes while libraries are captured.

    Attributes:
        console: for people; the standard error that the command was started with.
        stdout: for machines; the standard output that the command was started with.
    """

    console: Console
    stdout: TextIO


@contextmanager
def captured_output(log_path: Path | None) -> Iterator[Streams]:
    """Sends everything written to standard output and error, C++ code's included, to `log_path`.

    TensorFlow and gRPC write to the descriptors themselves, so replacing `sys.stderr` would not do.

    Args:
        log_path: None captures nothing.
    """
    if log_path is None:
        yield Streams(Console(stderr=True, highlight=False), sys.stdout)
        return
    sys.stdout.flush()
    sys.stderr.flush()
    kept_out, kept_err = os.dup(1), os.dup(2)
    stdout = io.TextIOWrapper(os.fdopen(kept_out, "wb", 0), encoding="utf-8", write_through=True)
    stderr = io.TextIOWrapper(os.fdopen(kept_err, "wb", 0), encoding="utf-8", write_through=True)
    try:
        with log_path.open("ab", buffering=0) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        yield Streams(Console(file=stderr, highlight=False), stdout)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(kept_out, 1)
        os.dup2(kept_err, 2)
        stdout.close()
        stderr.close()
