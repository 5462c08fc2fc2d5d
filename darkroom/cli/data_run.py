"""What the commands that look at data share: the part of the pipeline before any training, and its report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from darkroom.cli.execution import execute, run_nodes
from darkroom.cli.output import Streams
from darkroom.cli.run_display import RunDisplay
from darkroom.configuration import load_configuration
from darkroom.configuration.load import DEFAULT_FILE

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

    from darkroom.configuration import DarkroomConfig
    from pipeline.statistics.data_report import DataReport

# Looking at data must show what is wrong with it, also when that would end a run.
_SEE_ALL = ("data.max_quarantined=1.0",)


def data_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that these commands have in common."""
    options = (
        click.option(
            *("-c", "--config", "config_path"), default=DEFAULT_FILE, show_default=True, help="The configuration file."
        ),
        click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key: data.images=x."),
        click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON on standard output."),
        click.option("-v", "--verbose", is_flag=True, help="Show what TensorFlow, TFX and Beam say."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def with_report(
    config_path: str,
    overrides: tuple[str, ...],
    verbose: bool,
    action: Callable[[DarkroomConfig, DataReport, Streams], None],
) -> None:
    """Ingests the data and computes its statistics, as far as that is not done already, and acts on the report."""
    config = load_configuration(config_path, (*overrides, *_SEE_ALL))

    def run(display: RunDisplay, streams: Streams) -> None:
        def create() -> Pipeline:
            from pipeline.pipeline import create_data_pipeline  # noqa: PLC0415

            return create_data_pipeline(config, ends_run=False)

        results = run_nodes(display, create, config, datetime.now(UTC).isoformat(), "data")
        from pipeline.statistics.data_report import data_report  # noqa: PLC0415

        places = {
            "examples": "ImageExampleGen",
            "quarantine": "ImageExampleGen",
            "statistics": "StatisticsGen",
            "data_check": "DataValidator",
        }
        artifacts = {key: results[node].outputs[key][0] for key, node in places.items()}
        action(config, data_report(artifacts), streams)

    execute(config, "data", verbose, run)
