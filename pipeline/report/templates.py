"""What templates of this folder have in common."""

from __future__ import annotations

import jinja2

from darkroom.task import Task

# Tables beyond these are for report.json.
MAX_SLICES = 60

SLICE_MEASURES = {
    Task.MULTICLASS: ("accuracy", "f1_macro", "log_loss"),
    Task.BINARY: ("accuracy", "precision", "recall", "log_loss"),
    Task.REGRESSION: ("mae", "rmse", "r2"),
}


def environment() -> jinja2.Environment:
    """The templates; what is put into HTML is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report", "."),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def number(value: float | None) -> str:
    """A measure for people."""
    if value is None:
        return "–"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"
