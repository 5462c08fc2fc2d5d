"""`darkroom data spans`: which spans of data there are, and which a run takes."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from darkroom.configuration import load_configuration
from darkroom.configuration.load import DEFAULT_FILE
from darkroom.errors import ConfigurationError


@click.command("spans")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key: data.span=all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def spans(config_path: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """List the spans of data, which of them a run would take, and which the newest training had."""
    config = load_configuration(config_path, overrides)
    from pipeline.ingestion.spans import survey_spans  # noqa: PLC0415
    from pipeline.runs.history import RunHistory  # noqa: PLC0415

    survey = survey_spans(config)
    if survey is None:
        raise ConfigurationError(
            f"{config_path}: {config.images_path} does not come in spans. Put {{SPAN}}, or {{YYYY}}, {{MM}} "
            "and {DD}, in the place of what is another in each of them."
        )
    # Looking at data is a run of its own, which trains nothing.
    trained = (run for run in RunHistory.of(config).runs() if run.spans is not None and run.output("Trainer", "model"))
    newest = next(trained, None)
    before = set() if newest is None else set((newest.spans or "").split(","))
    found: list[dict[str, Any]] = [
        {
            "span": span.name,
            "number": span.number,
            "version": span.version,
            "taken": span in survey.taken,
            "in_newest_training": span.name in before,
        }
        for span in survey.available
    ]
    if as_json:
        click.echo(json.dumps({"newest_training": newest.run_id if newest else None, "spans": found}))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("span", "version", "a run takes it", "the newest training had it"):
        table.add_column(heading)
    for row in found:
        table.add_row(
            row["span"], row["version"] or "", "yes" if row["taken"] else "", "yes" if row["in_newest_training"] else ""
        )
    console = Console()
    if not console.is_terminal:
        console.width = 1000
    console.print(table)
