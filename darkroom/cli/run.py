"""`darkroom run`: the pipeline, with its progress and its outcome on the screen."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from darkroom.cli.execution import execute, run_nodes
from darkroom.cli.output import Streams
from darkroom.cli.pushgateway import RunRecord, reported
from darkroom.cli.report import page_path
from darkroom.cli.run_display import RunDisplay
from darkroom.configuration import DarkroomConfig, load_configuration
from darkroom.configuration.load import DEFAULT_FILE
from darkroom.errors import DarkroomError, NotBlessedError
from pipeline.runs.one_at_a_time import UnderWayError, one_at_a_time

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

_log = logging.getLogger(__name__)


@click.command("run")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key: training.epochs=5.")
@click.option("--description", default="", help="A few words about this run, for darkroom runs.")
@click.option(
    "--if-new", is_flag=True, help="Do nothing when images and configuration are those of the last run with a result."
)
@click.option("--if-new-span", is_flag=True, help="Do nothing unless there is a span that no run with a result took.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on standard output.")
@click.option("-v", "--verbose", is_flag=True, help="Show what TensorFlow, TFX and Beam say, instead of logging it.")
def command(
    *,
    config_path: str,
    overrides: tuple[str, ...],
    description: str,
    if_new: bool,
    if_new_span: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Run the pipeline: images in, validated and pushed model out.

    Exit codes: 0 pushed or nothing new, 3 not blessed or not pushed, 2 bad configuration or data, 1 failure.
    """
    if if_new and if_new_span:
        raise click.UsageError("give --if-new or --if-new-span, not both")
    config = load_configuration(config_path, overrides)
    try:
        with one_at_a_time(config), reported(config) as record:
            if (if_new or if_new_span) and _has_nothing_to_do(config, for_span=if_new_span):
                record.nothing_new = True
                return
            execute(
                config,
                "run",
                verbose,
                lambda display, streams: _run(config, description, record, display, streams, as_json=as_json),
            )
    except UnderWayError as error:
        if not (if_new or if_new_span):
            raise
        click.echo(f"{error}: nothing was started.", err=True)


def _run(
    config: DarkroomConfig,
    description: str,
    record: RunRecord,
    display: RunDisplay,
    streams: Streams,
    *,
    as_json: bool,
) -> None:
    def create() -> Pipeline:
        from pipeline.pipeline import create_pipeline  # noqa: PLC0415

        return create_pipeline(config)

    run_id = datetime.now(UTC).isoformat()
    try:
        results = run_nodes(display, create, config, run_id, description)
    except Exception:
        try:
            _tell(config, run_id, display)
        except (DarkroomError, OSError, ValueError, KeyError):
            # What went wrong before is what people need to see.
            _log.exception("The run that failed could not be reported")
        raise
    from pipeline.summary import summarize  # noqa: PLC0415

    summary = record.summary = summarize(config, results)
    display.outcome(summary)
    _tell(config, run_id, display)
    if as_json:
        streams.stdout.write(summary.model_dump_json(indent=2) + "\n")
    if not summary.blessed:
        raise NotBlessedError(f"The model was not blessed, so it was not pushed. {' '.join(summary.reasons)}")
    if summary.pushed_to is None:
        raise NotBlessedError(f"The model was blessed, but it was not pushed. {' '.join(summary.refusals)}")


def _has_nothing_to_do(config: DarkroomConfig, *, for_span: bool) -> bool:
    from pipeline.triggers import Decision, Trigger, decide  # noqa: PLC0415

    decision, sentence = decide(config, Trigger.SPAN if for_span else Trigger.SCHEDULE)
    click.echo(sentence, err=True)
    return decision is Decision.NOTHING_NEW


def _tell(config: DarkroomConfig, run_id: str, display: RunDisplay) -> None:
    """Writes the run's page, and logs it to MLflow where that is asked for; also of a run that failed.

    Nothing where it failed before its first node.
    """
    from pipeline.report.files import write_page  # noqa: PLC0415
    from pipeline.report.run_report import gather  # noqa: PLC0415
    from pipeline.runs.history import RunHistory  # noqa: PLC0415

    run = next((run for run in RunHistory.of(config).runs() if run.run_id == run_id), None)
    if run is None:
        return
    report = gather(run)
    with display.waiting("Drawing the report"):
        path = write_page(report, page_path(config, run_id))
    display.report(path)
    if config.pipeline.otlp_endpoint is not None:
        from pipeline.runs.run_trace import send_trace  # noqa: PLC0415

        try:
            send_trace(run, config.model.name, config.pipeline.otlp_endpoint)
        except OSError as error:
            # As with a Pushgateway that is away: the run's own outcome counts.
            _log.warning("The run's trace was not sent", exc_info=True)
            display.note(f"pipeline.otlp_endpoint: {error}")
    uri = config.pipeline.mlflow_tracking_uri
    if uri is not None:
        from pipeline.runs.mlflow_log import MlflowFailedError, log_run  # noqa: PLC0415

        try:
            with display.waiting("Logging to MLflow"):
                log_run(report, uri, path)
        except MlflowFailedError as error:
            # As with a Pushgateway that is away: the run's own outcome counts.
            _log.warning("The run was not logged to MLflow", exc_info=True)
            display.note(str(error))
