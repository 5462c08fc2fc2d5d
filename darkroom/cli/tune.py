"""`darkroom tune`: the search for hyperparameters, and its trials as a table."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from darkroom.cli.execution import execute, run_nodes
from darkroom.cli.output import Streams
from darkroom.cli.run_display import RunDisplay
from darkroom.configuration import DarkroomConfig, load_configuration
from darkroom.configuration.load import DEFAULT_FILE

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

    from pipeline.tuning.report import TrialReport, TuningReport

_SHOWN_TRIALS = 20


@click.command("tune")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key: tuning.trials=30.")
@click.option("--sweep", is_flag=True, help="Sweep the learning rate, in place of tuning.algorithm.")
@click.option(
    "--join",
    "folder",
    metavar="FOLDER",
    help="Take trials of a search on another machine, as a KerasTuner worker; the chief says its folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the trials as JSON on standard output.")
@click.option("-v", "--verbose", is_flag=True, help="Show what TensorFlow, TFX and Beam say, instead of logging it.")
def command(
    *, config_path: str, overrides: tuple[str, ...], sweep: bool, folder: str | None, as_json: bool, verbose: bool
) -> None:
    """Search for hyperparameters; a run with tuning.enabled trains with the best.

    `tuning` in darkroom.yaml says which are searched, and how. A search that was interrupted goes on.

    Exit codes: 0 done, 2 bad configuration or data, 1 failure.
    """
    if folder is not None:
        _join(folder)
        return
    wanted = ("tuning.enabled=true", *(("tuning.algorithm=learning_rate_sweep",) if sweep else ()))
    config = load_configuration(config_path, (*overrides, *wanted))
    given = (*(("-c", config_path) if config_path != DEFAULT_FILE else ()), *_set(overrides))
    algorithm = _set((wanted[1],)) if sweep else ()

    def action(display: RunDisplay, streams: Streams) -> None:
        report = _tune(config, display)
        _show(report, streams)
        best = _set(f"{key}={json.dumps(value)}" for key, value in report.best.items())
        _say(streams, "\nTrain with these values:", f"  darkroom run {shlex.join((*given, *best))}")
        again = (*given, *algorithm, *_set((wanted[0],)))
        _say(streams, "or let each run search and use what it finds:", f"  darkroom run {shlex.join(again)}")
        if as_json:
            streams.stdout.write(report.model_dump_json(indent=2) + "\n")

    execute(config, "tune", verbose, action)


def _join(folder: str) -> None:
    # Nothing is kept from the screen: a worker's output is its log.
    from pipeline.progress import reporting_to  # noqa: PLC0415
    from pipeline.tuning.run import join  # noqa: PLC0415

    with reporting_to(RunDisplay(Console(stderr=True, highlight=False))):
        join(folder)


def _tune(config: DarkroomConfig, display: RunDisplay) -> TuningReport:
    def create() -> Pipeline:
        from pipeline.pipeline import create_tuning_pipeline  # noqa: PLC0415

        return create_tuning_pipeline(config)

    results = run_nodes(display, create, config, datetime.now(UTC).isoformat(), "tune")
    from pipeline.tuning.results import read_report  # noqa: PLC0415

    return read_report(results)


def _show(report: TuningReport, streams: Streams) -> None:
    keys = list(dict.fromkeys(key for trial in report.trials for key in trial.values))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("", report.objective, *keys, "epochs", "seconds", ""):
        table.add_column(escape(title), justify="right" if title else "left", overflow="fold")
    for rank, trial in enumerate(report.trials[:_SHOWN_TRIALS], 1):
        table.add_row(*_row(rank, trial, keys))
    streams.console.print()
    streams.console.print(table)
    if len(report.trials) > _SHOWN_TRIALS:
        _say(streams, f"and {len(report.trials) - _SHOWN_TRIALS} more, in the report")
    _say(streams, *(f"picture: {picture}" for picture in report.pictures))


def _say(streams: Streams, *lines: str) -> None:
    for line in lines:
        streams.console.print(escape(line), soft_wrap=True)


def _set(overrides: Iterable[str]) -> tuple[str, ...]:
    return tuple(part for override in overrides for part in ("--set", override))


def _row(rank: int, trial: TrialReport, keys: list[str]) -> list[str]:
    values = [escape(_shown(trial.values[key])) if key in trial.values else "" for key in keys]
    if trial.score is None:
        return ["", "[red]failed[/]", *values, "", "", escape(trial.error or "")]
    remark = "as configured" if trial.as_configured else ""
    return [str(rank), f"{trial.score:.4f}", *values, str(trial.epochs), f"{trial.seconds:.1f}", remark]


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
