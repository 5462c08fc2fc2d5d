"""Running the `darkroom` command as its users do: in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def darkroom(*arguments: object, timeout: float = 280) -> subprocess.CompletedProcess[str]:
    """Runs the command; returns its exit code and what it wrote."""
    return subprocess.run(
        [sys.executable, "-m", "darkroom.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=ROOT,
        check=False,
    )
