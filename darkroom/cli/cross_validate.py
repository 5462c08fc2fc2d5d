"""`darkroom cross-validate`: what a configuration reaches on folds that take turns."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from darkroom.cli.execution import execute, run_nodes
from darkroom.cli.output import Streams
from darkroom.cli.run_display import RunDisplay
from darkroom.configuration import DarkroomConfig, load_configuration
from darkroom.configuration.load import DEFAULT_FILE
from darkroom.task import MAIN_METRICS

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

    from pipeline.cross_validation.report import CrossValidation

# One fold is judged, one is watched, and something must train.
_MIN_FOLDS = 3


@click.command("cross-validate")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key: training.epochs=5.")
@click.option(
    "-k", "--folds", type=click.IntRange(min=_MIN_FOLDS), default=5, show_default=True, help="How many folds."
)
@click.option("--metric", "metrics", multiple=True, help="Show this measure; several times for several.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a CSV with a row for each fold, mean and deviation last.")
@click.option("--json", "as_json", is_flag=True, help="Print all measures as JSON on standard output.")
@click.option("-v", "--verbose", is_flag=True, help="Show what TensorFlow, TFX and Beam say, instead of logging it.")
def command(
    *,
    config_path: str,
    overrides: tuple[str, ...],
    folds: int,
    metrics: tuple[str, ...],
    as_csv: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Train a model for each of k folds and judge it on images that it never saw, for sets too small for one split.

    The train and eval splits are dealt into folds, stratified by label; what belongs together shares a fold. Each fold
    judges one model in turn; the next one is watched while that model trains, the others train it. The test split
    stays untouched.

    Exit codes: 0 done, 2 bad configuration or data, 1 failure.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json both print on standard output; choose one")
    config = load_configuration(config_path, overrides)

    def action(display: RunDisplay, streams: Streams) -> None:
        report = _run(config, folds, metrics, display)
        shown = metrics or MAIN_METRICS[report.task]
        for note in report.notes:
            streams.console.print(f"! {note}", markup=False, soft_wrap=True)
        streams.console.print(_table(report, shown))
        dealt = f"{report.images:,} images in {len(report.folds)} folds"
        streams.console.print(f"{dealt}; the {report.held_out:,} of the test split are untouched", markup=False)
        if as_json:
            document = {**report.model_dump(mode="json"), "mean": report.means, "deviation": report.deviations}
            streams.stdout.write(json.dumps(document) + "\n")
        if as_csv:
            names = metrics or tuple(report.means)
            writer = csv.writer(streams.stdout, lineterminator="\n")
            writer.writerow(("fold", "train", "eval", "test", "epochs", "seconds", *names))
            writer.writerows(_rows(report, names, lambda value: "" if value is None else repr(value)))

    execute(config, "cross-validate", verbose, action)


def _run(config: DarkroomConfig, folds: int, metrics: tuple[str, ...], display: RunDisplay) -> CrossValidation:
    def create() -> Pipeline:
        from pipeline.cross_validation.run import check_cross_validation  # noqa: PLC0415
        from pipeline.pipeline import create_data_pipeline  # noqa: PLC0415

        check_cross_validation(config)
        return create_data_pipeline(config)

    results = run_nodes(display, create, config, datetime.now(UTC).isoformat(), "cross-validate")
    from pipeline.cross_validation.run import cross_validate  # noqa: PLC0415
    from pipeline.progress import reporting_to  # noqa: PLC0415

    examples = results["ImageExampleGen"].outputs["examples"][0].uri
    root = config.pipeline_root
    scratch = (Path(".darkroom") if "://" in root else Path(root)) / "folds"

    def fold_started(number: int) -> None:
        display.close()
        display.step(f"fold {number} of {folds}")
        display.node_started(f"fold {number} of {folds}")

    with reporting_to(display):
        report = cross_validate(config, examples, folds=folds, scratch=scratch, asked=metrics, on_fold=fold_started)
    display.close()
    return report


def _rows(report: CrossValidation, names: tuple[str, ...], shown: Any) -> list[list[Any]]:
    rows: list[list[Any]] = [
        [
            fold.fold,
            fold.train,
            fold.eval,
            fold.test,
            fold.epochs,
            fold.seconds,
            *(shown(fold.metrics[n]) for n in names),
        ]
        for fold in report.folds
    ]
    for title, values in (("mean", report.means), ("deviation", report.deviations)):
        rows.append([title, "", "", "", "", "", *(shown(values[name]) for name in names)])
    return rows


def _table(report: CrossValidation, names: tuple[str, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("fold", "train", "eval", "test", "epochs", "seconds", *(name.replace("_", " ") for name in names)):
        table.add_column(head, justify="left" if head == "fold" else "right")
    for row in _rows(report, names, lambda value: "not defined" if value is None else f"{value:.4f}"):
        table.add_row(*map(str, row))
    return table
