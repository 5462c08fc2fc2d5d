"""`darkroom diff`: what changed between two runs."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from darkroom.configuration import load_configuration
from darkroom.configuration.load import DEFAULT_FILE

# Characters of a value in the table; JSON has it whole.
_LONGEST = 60


@click.command("diff")
@click.argument("first")
@click.argument("second", default="latest")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(first: str, second: str, config_path: str, as_json: bool) -> None:
    """Show what is not the same in two runs: data, code, configuration, packages, the model, its measures.

    A run is `latest`, the beginning of its id, or the version that it pushed.
    """
    config = load_configuration(config_path)
    from pipeline.report.run_report import gather  # noqa: PLC0415
    from pipeline.runs.comparison import differences  # noqa: PLC0415
    from pipeline.runs.history import RunHistory  # noqa: PLC0415

    history = RunHistory.of(config)
    one, other = gather(history.find(first)), gather(history.find(second))
    found = differences(one, other)
    if as_json:
        click.echo(json.dumps([each.model_dump(mode="json") for each in found], indent=2))
        return
    if not found:
        click.echo("Nothing that is recorded differs.", err=True)
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("", "", one.run_id[:19], other.run_id[:19], "change"):
        table.add_column(heading)
    area = ""
    for each in found:
        change = _change(each.first, each.second)
        table.add_row(each.area if each.area != area else "", each.name, _text(each.first), _text(each.second), change)
        area = each.area
    console = Console()
    if not console.is_terminal:
        console.width = 1000
    console.print(table)
    if any((each.area, each.name) == ("data", "test set") for each in found):
        click.echo("The test sets differ, so the measures do not compare.", err=True)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")


def _change(first: Any, second: Any) -> str:
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (first, second))
    return f"{second - first:+.4g}" if numbers else ""
