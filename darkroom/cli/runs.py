"""`darkroom runs`: all runs of a pipeline."""

from __future__ import annotations

import csv
import json
import sys

import click
from rich.console import Console
from rich.table import Table

from darkroom.configuration import load_configuration
from darkroom.configuration.load import DEFAULT_FILE

# In a table; a CSV or JSON has them whole.
_RUN_LENGTH, _REVISION_LENGTH = 19, 8


@click.command("runs")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option("--metric", "metrics", multiple=True, help="Show this measure; several times for several.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many, the newest.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(config_path: str, metrics: tuple[str, ...], limit: int | None, as_csv: bool, as_json: bool) -> None:
    """List all runs, newest first: outcome, measures on the test set, code revision.

    Measures of two runs compare where their test sets are the same.
    """
    config = load_configuration(config_path)
    from pipeline.runs.history import RunHistory  # noqa: PLC0415
    from pipeline.runs.table import rows  # noqa: PLC0415

    found = rows(RunHistory.of(config).runs()[:limit], metrics)
    if as_json:
        click.echo(json.dumps([row.model_dump(mode="json") for row in found], indent=2))
        return
    names = list(dict.fromkeys(name for row in found for name in row.metrics))
    if as_csv:
        keys = list(dict.fromkeys(key for row in found for key in row.cells()))
        writer = csv.DictWriter(sys.stdout, keys, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.cells() for row in found)
        return
    if not found:
        click.echo(f"The pipeline {config.pipeline_name} has not run yet; start it with darkroom run", err=True)
        return
    spans = ("spans",) if any(row.spans for row in found) else ()
    measures = (name.replace("_", " ") for name in names)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in (
        "run",
        "outcome",
        *measures,
        "test set",
        *spans,
        "code",
        "description",
    ):
        table.add_column(heading)
    for row in found:
        values = [row.metrics.get(name) for name in names]
        table.add_row(
            row.run[:_RUN_LENGTH],
            row.outcome,
            *("" if value is None else f"{value:.4f}" for value in values),
            f"{row.test_set} ({row.test_images:,})" if row.test_set is not None else "",
            *((row.spans or "",) if spans else ()),
            _revision(row.code_revision or ""),
            row.description,
        )
    console = Console()
    if not console.is_terminal:
        console.width = 1000
    console.print(table)


def _revision(revision: str) -> str:
    """Short, with a + where files differed from the commit."""
    return revision[:_REVISION_LENGTH] + ("+" if revision.endswith("+changes") else "")
