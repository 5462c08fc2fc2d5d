"""Telling a Pushgateway how a run ended, whatever happened."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError, DataError, NotBlessedError, TrainingPausedError

if TYPE_CHECKING:
    from pipeline.runs.run_metrics import Outcome, RunFindings
    from pipeline.summary import RunSummary

_log = logging.getLogger(__name__)


class RunRecord:
    """What a run leaves to be told.

    Attributes:
        summary: set when the run came to its end.
        nothing_new: set when it had nothing to do.
    """

    def __init__(self) -> None:
        self.summary: RunSummary | None = None
        self.nothing_new = False


@contextmanager
def reported(config: DarkroomConfig) -> Iterator[RunRecord]:
    """Pushes how its body ended to `pipeline.pushgateway`; does nothing without one.

    A Pushgateway that cannot be had is a warning on stderr: the run's own outcome counts.
    """
    record = RunRecord()
    start = time.monotonic()
    ended_by: BaseException | None = None
    try:
        yield record
    except BaseException as error:
        ended_by = error
        raise
    finally:
        if config.pipeline.pushgateway is not None:
            _push(config.pipeline.pushgateway, config.model.name, record, time.monotonic() - start, ended_by)


def _push(url: str, model: str, record: RunRecord, seconds: float, ended_by: BaseException | None) -> None:
    from pipeline.runs.run_metrics import Outcome, RunFindings, RunMetrics, push  # noqa: PLC0415 - only where it is wanted

    facts: RunFindings | None = None
    if (summary := record.summary) is not None:
        facts = RunFindings(
            component_seconds=summary.seconds,
            images=summary.images,
            quarantined_images=len(summary.quarantined),
            epochs=summary.epochs,
            metrics=summary.metrics,
            baseline_metrics=summary.baseline_metrics,
            drift=_distances(summary),
            blessed=summary.blessed,
            pushed_version=summary.pushed_version,
        )
    outcome = Outcome.NOTHING_NEW if record.nothing_new else _outcome(ended_by, facts)
    report = RunMetrics(model=model, outcome=outcome, seconds=seconds, facts=facts)
    try:
        push(url, report)
    except (OSError, ValueError) as error:
        _log.warning("The run's metrics were not pushed to %s", url, exc_info=True)
        click.echo(f"Warning: pipeline.pushgateway: the run's metrics were not pushed to {url}: {error}", err=True)


def _distances(summary: RunSummary) -> dict[tuple[str, str, str], float]:
    """The largest of each kind: there are two splits to compare the training split with."""
    found: dict[tuple[str, str, str], float] = {}
    for one in summary.comparisons:
        key = one.kind, one.feature, one.measure
        found[key] = max(found.get(key, 0.0), one.value)
    return found


def _outcome(ended_by: BaseException | None, facts: RunFindings | None) -> Outcome:
    from pipeline.runs.run_metrics import Outcome  # noqa: PLC0415 - the same

    if ended_by is None:
        return Outcome.PUSHED
    if isinstance(ended_by, NotBlessedError):
        return Outcome.NOT_PUSHED if facts is not None and facts.blessed else Outcome.NOT_BLESSED
    if isinstance(ended_by, ConfigurationError | DataError):
        return Outcome.BAD_INPUT
    return Outcome.PAUSED if isinstance(ended_by, TrainingPausedError) else Outcome.FAILED
