"""Running a pipeline from a command: libraries' noise goes to a log, progress to the screen, errors to one line."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.cli.output import Streams, captured_output
from darkroom.cli.run_display import RunDisplay
from darkroom.configuration import DarkroomConfig
from darkroom.configuration.survey import class_folder_names
from darkroom.errors import DarkroomError, DataError
from darkroom.heap import keeping_imports

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

    from pipeline.runner import NodeResult


def execute(config: DarkroomConfig, name: str, verbose: bool, action: Callable[[RunDisplay, Streams], None]) -> None:
    """Does something that TensorFlow, TFX and Beam have a part in.

    Args:
        config: where the log goes, and what is trained on what.
        name: of the log.
        verbose: whether everything is shown instead of logged.
        action: is given the display, and the streams that are not captured.

    Raises:
        DarkroomError: what it raises; any other error as one line, and the rest in the log.
    """
    _check_images(config)
    log_path = _log_path(config, name)
    with captured_output(None if verbose else log_path) as streams:
        display = RunDisplay(streams.console)
        display.title(config, None if verbose else log_path)
        try:
            action(display, streams)
        except DarkroomError:
            display.close()
            raise
        except Exception as error:
            display.close()
            logging.getLogger(__name__).exception("The run failed")
            hint = "Run again with -v to see everything." if verbose else f"The whole story is in {log_path}"
            raise DarkroomError(f"{_headline(error)}\n{hint}") from error


def run_nodes(
    display: RunDisplay, create: Callable[[], Pipeline], config: DarkroomConfig, run_id: str, description: str = ""
) -> dict[str, NodeResult]:
    """Runs a pipeline's nodes, a line for each, and keeps what the run was started with.

    Args:
        display: shows them.
        create: makes the pipeline; what it imports is slow and noisy.
        config: that it is made of.
        run_id: of the run.
        description: of the run, the user's own words.

    Raises:
        DarkroomError: that of the node that failed.
    """
    with display.waiting("Starting TensorFlow and TFX"), keeping_imports():
        # Seconds of noisy imports: inside the capture, and only once the configuration is known to be good.
        from pipeline.metadata_connection import metadata_connection  # noqa: PLC0415
        from pipeline.progress import reporting_to  # noqa: PLC0415
        from pipeline.runner import NodeFailedError, NodeState, run_pipeline  # noqa: PLC0415
        from pipeline.runs.history import describe_run  # noqa: PLC0415
        from pipeline.runs.run_facts import facts_of  # noqa: PLC0415

        _log_everything()
        pipeline = create()
        facts = facts_of(config, description)
    is_described = False

    def node_ended(result: NodeResult) -> None:
        nonlocal is_described
        if not is_described:
            # The first node's launch has made the run's context.
            describe_run(metadata_connection(config), run_id, facts)
            is_described = True
        if result.state is NodeState.PAUSED:
            describe_run(metadata_connection(config), run_id, facts.model_copy(update={"paused": True}))
        display.node_ended(result)

    start = time.monotonic()
    with reporting_to(display):
        try:
            results = run_pipeline(pipeline, on_start=display.node_started, on_end=node_ended, run_id=run_id)
        except NodeFailedError as error:
            if isinstance(error.__cause__, DarkroomError):
                raise error.__cause__ from error
            raise
    display.total(time.monotonic() - start)
    return results


def _check_images(config: DarkroomConfig) -> None:
    """The commonest mistakes, answered at once instead of after the imports."""
    if config.data.has_spans:
        from pipeline.ingestion.spans import survey_spans  # noqa: PLC0415

        if "://" not in config.images_path:
            survey_spans(config)
        return
    if "://" in config.images_path:
        return
    if config.data.source not in {"images", "listing"}:
        return
    if config.data.source == "listing":
        if not Path(config.images_path).is_file():
            raise DataError(
                f"data.listing.path: {config.images_path} is not a file. It must be the listing of the images."
            )
        return
    try:
        class_folder_names(Path(config.images_path))
    except DataError as error:
        raise DataError(f"data.images: {error}") from error


def _log_path(config: DarkroomConfig, name: str) -> Path:
    root = config.pipeline_root
    folder = (Path(".darkroom") if "://" in root else Path(root)) / "logs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DarkroomError(
            f"Cannot create {folder}: {error}. Set pipeline.root to a folder that can be written."
        ) from error
    return folder / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}.log"


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
