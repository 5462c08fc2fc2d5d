"""`darkroom data inspect`: what a run would train on, as a table and as a page."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from darkroom.cli.data_run import data_options, with_report
from darkroom.cli.output import Streams
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from darkroom.configuration import DarkroomConfig
    from pipeline.statistics.data_report import DataReport


@click.command("inspect")
@data_options
@click.option(
    *("-o", "--output"),
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The page's file; data.html beside the configuration's artifacts when not given.",
)
def inspect(config_path: str, overrides: tuple[str, ...], as_json: bool, verbose: bool, output: Path | None) -> None:
    """Look at the data without training: splits, classes, sizes, samples, what is put aside.

    Writes a page with class balance, size distributions, sample images of each class and what was put aside.
    """

    def action(config: DarkroomConfig, report: DataReport, streams: Streams) -> None:
        from pipeline.statistics.data_page import data_page  # noqa: PLC0415

        root = config.pipeline_root
        page = output or (Path() if "://" in root else Path(root)) / "data.html"
        try:
            page.write_text(data_page(report), encoding="utf-8", errors="replace")
        except OSError as error:
            raise DarkroomError(f"{page}: cannot be written ({error.strerror}); name another file with -o") from error
        if report.facts.spans:
            streams.console.print(f"spans: {', '.join(report.facts.spans)}", markup=False, soft_wrap=True)
        streams.console.print(_table(report))
        for reason, count in Counter(entry.reason for entry in report.quarantined).most_common():
            streams.console.print(f"put aside: {reason} {count}", markup=False)
        for note in (*report.facts.notes, *report.anomalies, *(one.sentence for one in report.check.exceeded)):
            streams.console.print(f"! {note}", markup=False, soft_wrap=True)
        for key in report.check.blocked_by:
            streams.console.print(f"! {key} is set to block, and would end a run", markup=False, soft_wrap=True)
        streams.console.print(f"page: {page}", markup=False, soft_wrap=True)
        if as_json:
            streams.stdout.write(json.dumps(_found(report, page)) + "\n")

    with_report(config_path, overrides, verbose, action)


def _table(report: DataReport) -> Table:
    facts = report.facts
    splits = ("train", "eval", "test")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("", *splits):
        table.add_column(head, justify="right" if head else "left")
    for label in facts.labels:
        table.add_row(label, *(f"{facts.counts[split].get(label, 0):,}" for split in splits))
    table.add_row("images", *(f"{facts.split_size(split):,}" for split in splits))
    return table


def _found(report: DataReport, page: Path) -> dict[str, Any]:
    return {
        **report.facts.model_dump(mode="json"),
        "reasons": dict(Counter(entry.reason for entry in report.quarantined)),
        "anomalies": list(report.anomalies),
        "previous": report.check.previous,
        "drift": [one.sentence for one in report.check.exceeded],
        "blocked_by": list(report.check.blocked_by),
        "page": str(page),
    }
