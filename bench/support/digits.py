"""The quickstart's run as a benchmark subject."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from darkroom.quickstart import write_digits
from support.results import ROOT

DARKROOM = (sys.executable, "-m", "darkroom.cli")
MODEL_NAME = "digits"


def make_project(folder: Path) -> Path:
    """1,797 digits and the configuration that `darkroom init` writes for them; returns the configuration's path."""
    write_digits(folder / "images")
    subprocess.run(
        (*DARKROOM, "init", str(folder / "images"), "-o", str(folder), "--name", MODEL_NAME),
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    return folder / "darkroom.yaml"


def run(configuration: Path, *arguments: str) -> tuple[dict[str, Any], float, float]:
    """`darkroom run`: its summary, wall-clock seconds and peak resident megabytes of its process."""
    started = time.monotonic()
    with subprocess.Popen(
        (*DARKROOM, "run", "-c", str(configuration), "--json", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        output, errors = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"darkroom run ended with {process.returncode}:\n{errors}")
    return json.loads(output), time.monotonic() - started, usage.ru_maxrss / 1024
