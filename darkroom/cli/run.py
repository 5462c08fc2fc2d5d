"""`darkroom run`: the pipeline, with its progress and its outcome on the screen."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from darkroom.cli.output import captured_output
from darkroom.cli.run_display import RunDisplay
from darkroom.configuration import DarkroomConfig, load_configuration
from darkroom.configuration.load import DEFAULT_FILE
from darkroom.configuration.survey import class_folder_names
from darkroom.errors import DarkroomError, DataError, NotBlessedError

if TYPE_CHECKING:
    from pipeline.summary import RunSummary


@click.command("run")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key: training.epochs=5.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on standard output.")
@click.option("-v", "--verbose", is_flag=True, help="Show what TensorFlow, TFX and Beam say, instead of logging it.")
def command(config_path: str, overrides: tuple[str, ...], as_json: bool, verbose: bool) -> None:
    """Run the pipeline: images in, validated and pushed model out.

    Exit codes: 0 pushed, 3 not blessed, 2 bad configuration or data, 1 failure.
    """
    config = load_configuration(config_path, overrides)
    _check_images_folder(config)
    log_path = _log_path(config)
    with captured_output(None if verbose else log_path) as streams:
        display = RunDisplay(streams.console)
        display.title(config, None if verbose else log_path)
        try:
            summary = _run(config, display)
        except DarkroomError:
            display.close()
            raise
        except Exception as error:
            display.close()
            logging.getLogger(__name__).exception("The run failed")
            hint = "Run again with -v to see everything." if verbose else f"The whole story is in {log_path}"
            raise DarkroomError(f"{_headline(error)}\n{hint}") from error
        display.outcome(summary)
        if as_json:
            streams.stdout.write(summary.model_dump_json(indent=2) + "\n")
    if not summary.blessed:
        raise NotBlessedError(f"The model was not blessed, so it was not pushed. {' '.join(summary.reasons)}")


def _run(config: DarkroomConfig, display: RunDisplay) -> RunSummary:
    with display.waiting("Starting TensorFlow and TFX"):
        # Seconds of noisy imports: inside the capture, and only once the configuration is known to be good.
        from pipeline.pipeline import create_pipeline  # noqa: PLC0415
        from pipeline.progress import reporting_to  # noqa: PLC0415
        from pipeline.runner import NodeFailedError, run_pipeline  # noqa: PLC0415
        from pipeline.summary import summarize  # noqa: PLC0415

        _log_everything()
        pipeline = create_pipeline(config)
    start = time.monotonic()
    with reporting_to(display):
        try:
            results = run_pipeline(pipeline, on_start=display.node_started, on_end=display.node_ended)
        except NodeFailedError as error:
            if isinstance(error.__cause__, DarkroomError):
                raise error.__cause__ from error
            raise
    display.total(time.monotonic() - start)
    return summarize(config, results)


def _check_images_folder(config: DarkroomConfig) -> None:
    """The commonest mistakes, answered at once instead of after the imports."""
    if "://" not in config.images_path:
        try:
            class_folder_names(Path(config.images_path))
        except DataError as error:
            raise DataError(f"data.images: {error}") from error


def _log_path(config: DarkroomConfig) -> Path:
    root = config.pipeline_root
    folder = (Path(".darkroom") if "://" in root else Path(root)) / "logs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DarkroomError(
            f"Cannot create {folder}: {error}. Set pipeline.root to a folder that can be written."
        ) from error
    return folder / f"run-{datetime.now(UTC):%Y%m%d-%H%M%S}.log"


def _log_everything() -> None:
    """TFX and Beam log through Python's root logger and absl; both belong into the log at INFO."""
    from absl import logging as absl_logging  # noqa: PLC0415

    logging.getLogger().setLevel(logging.INFO)
    absl_logging.set_verbosity(absl_logging.INFO)


def _headline(error: Exception) -> str:
    """One line for an error of TFX, Beam or TensorFlow: the first line of its innermost cause."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    first = str(cause).strip().splitlines()[:1]
    where = f"{error}: " if cause is not error else ""
    return f"{where}{type(cause).__name__}: {first[0] if first else 'no message'}"
