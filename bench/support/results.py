"""Where results go, with what is needed to read them later."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def machine() -> dict[str, Any]:
    """Where and under which load a number was measured."""
    return {"cores": os.cpu_count(), "load_average": os.getloadavg()[0], "python": platform.python_version()}


def write_results(name: str, found: dict[str, Any]) -> None:
    """Writes `bench/results/<name>.json`."""
    folder = ROOT / "bench" / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({**found, "machine": machine()}, indent=2) + "\n", encoding="utf-8")


def print_table(rows: dict[str, Any], limits: dict[str, str] | None = None) -> None:
    """A line for each value, with what it shall be."""
    for name, value in rows.items():
        shown = f"{value:,.4g}" if isinstance(value, float) else str(value)
        limit = (limits or {}).get(name)
        print(f"{name:32} {shown}{f'   (shall be {limit})' if limit else ''}")
