"""A run's page as a file."""

from __future__ import annotations

from pathlib import Path

from pipeline.report.page import render_page
from pipeline.report.run_report import RunReport


def write_page(report: RunReport, path: Path) -> Path:
    """Renders and writes; the folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_page(report), encoding="utf-8")
    return path
