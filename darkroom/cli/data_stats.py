"""`darkroom data stats`: TFDV's statistics of each split."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from darkroom.cli.data_run import data_options, with_report
from darkroom.cli.output import Streams
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from darkroom.configuration import DarkroomConfig
    from pipeline.statistics.data_report import DataReport


@click.command("stats")
@data_options
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Write TFDV's own view of the training split beside the test split; it loads Facets from the net.",
)
def stats(config_path: str, overrides: tuple[str, ...], as_json: bool, verbose: bool, html: Path | None) -> None:
    """Show the statistics of sizes, file sizes, brightness and contrast, or of targets, in each split."""

    def action(_: DarkroomConfig, report: DataReport, streams: Streams) -> None:
        if html is not None:
            _write_view(report, html)
        streams.console.print(_table(report))
        streams.console.print(_comparisons(report))
        if report.check.previous is None:
            streams.console.print("no earlier data to compare with", markup=False)
        if as_json:
            measures = {
                key: {split: asdict(measure) for split, measure in by_split.items()}
                for key, by_split in report.measures.items()
            }
            found = {
                "measures": measures,
                "formats": report.formats,
                "previous": report.check.previous,
                "comparisons": [one.model_dump() for one in report.check.comparisons],
            }
            streams.stdout.write(json.dumps(found) + "\n")

    with_report(config_path, overrides, verbose, action)


def _write_view(report: DataReport, path: Path) -> None:
    from tensorflow_data_validation.utils.display_util import get_statistics_html  # noqa: PLC0415

    view = get_statistics_html(report.statistics["train"], report.statistics["test"], "train", "test")
    try:
        path.write_text(f'<!doctype html><meta charset="utf-8"><title>statistics</title>{view}', encoding="utf-8")
    except OSError as error:
        raise DarkroomError(f"{path}: cannot be written ({error.strerror})") from error


def _table(report: DataReport) -> Table:
    from pipeline.statistics.data_report import MEASURES  # noqa: PLC0415

    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("", "split", "images", "min", "median", "mean", "deviation", "max"):
        table.add_column(head, justify="right" if head not in {"", "split"} else "left")
    for key, by_split in report.measures.items():
        for split, found in by_split.items():
            numbers = (found.minimum, found.median, found.mean, found.deviation, found.maximum)
            table.add_row(MEASURES[key], split, f"{found.count:,}", *(f"{number:.5g}" for number in numbers))
    return table


def _comparisons(report: DataReport) -> Table:
    """Distances to the data before, between splits, and to what was served."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("", "of", "against", "measure", "distance", "limit", ""):
        table.add_column(head, justify="right" if head in {"distance", "limit"} else "left")
    for one in report.check.comparisons:
        limit = "" if one.limit is None else f"{one.limit:g}"
        table.add_row(
            one.feature.replace("_", " "),
            one.current,
            one.base,
            one.measure.replace("_", " "),
            f"{one.value:.3f}",
            limit,
            "above" if one.is_exceeded else "",
        )
    return table
