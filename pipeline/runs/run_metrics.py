"""What Prometheus sees of a run: pushed once, when it has ended, to a Pushgateway.

Runs are short jobs that nobody can scrape. Each model has one group at the Pushgateway (job `darkroom_run`, label
`model`), which keeps the latest value of everything; what a failed run has nothing to say about stays as the run before
left it. Two counts and one time span several runs, and the Pushgateway's own values are what they go on from.
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from prometheus_client import CollectorRegistry, Gauge, pushadd_to_gateway
from prometheus_client.parser import text_string_to_metric_families

JOB = "darkroom_run"

OUTCOME = "darkroom_run_outcome"
FINISHED = "darkroom_run_finished_timestamp_seconds"
DURATION = "darkroom_run_duration_seconds"
COMPONENT_SECONDS = "darkroom_run_component_seconds"
IMAGES = "darkroom_run_images"
QUARANTINED = "darkroom_run_quarantined_images"
EPOCHS = "darkroom_run_epochs"
METRIC = "darkroom_run_metric"
BASELINE_METRIC = "darkroom_run_baseline_metric"
DRIFT = "darkroom_run_data_distance"
BLESSED = "darkroom_run_blessed"
PUSHED_VERSION = "darkroom_run_pushed_version"
PUSHED = "darkroom_run_pushed_timestamp_seconds"
FAILED_IN_A_ROW = "darkroom_run_failed_in_a_row"
NOT_BLESSED_IN_A_ROW = "darkroom_run_not_blessed_in_a_row"

_TIMEOUT_SECONDS = 10.0


class Outcome(StrEnum):
    """How a run ended; `not_pushed` is a blessed model that was refused on its way, `nothing_new` trained none."""

    PUSHED = "pushed"
    NOT_BLESSED = "not_blessed"
    NOT_PUSHED = "not_pushed"
    BAD_INPUT = "bad_input"
    PAUSED = "paused"
    NOTHING_NEW = "nothing_new"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunFindings:
    """What a run that came to its end found out.

    Attributes:
        component_seconds: by node.
        images: by split.
        quarantined_images: files that were put aside.
        epochs: how many ran.
        metrics: on the test split, by name.
        baseline_metrics: of the latest blessed model on the same images; empty without one.
        drift: distances of the data, by what it is compared with (`drift`, `skew`, `served`), feature and measure; of
            several comparisons of one kind the largest.
        blessed: whether the model passed the gate.
        pushed_version: None when it was not pushed.
    """

    component_seconds: Mapping[str, float]
    images: Mapping[str, int]
    quarantined_images: int
    epochs: int
    metrics: Mapping[str, float]
    baseline_metrics: Mapping[str, float]
    drift: Mapping[tuple[str, str, str], float]
    blessed: bool
    pushed_version: int | None


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """One run, ended.

    Attributes:
        model: its name.
        outcome: how it ended.
        seconds: how long it took.
        facts: None when it did not come to its end.
        finished: Unix time.
    """

    model: str
    outcome: Outcome
    seconds: float
    facts: RunFindings | None = None
    finished: float = field(default_factory=time.time)


def push(url: str, report: RunMetrics) -> None:
    """Send what a run did.

    Args:
        url: of the Pushgateway, such as `http://pushgateway:9091`.
        report: the run.

    Raises:
        OSError: the Pushgateway can't be reached, or refuses.
        ValueError: `url` is none, or something else than a Pushgateway answers there.
    """
    before = _values_before(url, report.model)
    pushadd_to_gateway(
        url, JOB, _registry(report, before), grouping_key={"model": report.model}, timeout=_TIMEOUT_SECONDS
    )


def _values_before(url: str, model: str) -> dict[str, float]:
    """The values without labels of their own that the model's group has."""
    address = url if "://" in url else f"http://{url}"
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"{url} is not an address of HTTP")
    with urllib.request.urlopen(f"{address.rstrip('/')}/metrics", timeout=_TIMEOUT_SECONDS) as answer:
        text = answer.read().decode()
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("job") == JOB
        and sample.labels.get("model") == model
        and set(sample.labels) <= {"job", "model", "instance"}
    }


def _registry(report: RunMetrics, before: Mapping[str, float]) -> CollectorRegistry:
    registry = CollectorRegistry()

    def gauge(name: str, text: str, value: float) -> None:
        Gauge(name, text, registry=registry).set(value)

    def gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> None:
        family = Gauge(name, text, (label,), registry=registry)
        for key, value in values.items():
            family.labels(key).set(value)

    outcomes = {outcome.value: float(outcome is report.outcome) for outcome in Outcome}
    gauges(OUTCOME, "1 for how the latest run ended, 0 for the others.", "outcome", outcomes)
    gauge(FINISHED, "When the latest run ended.", report.finished)
    gauge(DURATION, "How long the latest run took.", report.seconds)
    failed = report.outcome in (Outcome.FAILED, Outcome.BAD_INPUT)
    gauge(
        FAILED_IN_A_ROW,
        "Runs without a result since the last one with a result.",
        before.get(FAILED_IN_A_ROW, 0) + 1 if failed else 0,
    )
    not_blessed = before.get(NOT_BLESSED_IN_A_ROW, 0.0)
    if report.facts is not None:
        not_blessed = 0.0 if report.facts.blessed else not_blessed + 1
    gauge(NOT_BLESSED_IN_A_ROW, "Models refused by the gate since the last one that passed.", not_blessed)
    if (facts := report.facts) is None:
        return registry
    gauges(COMPONENT_SECONDS, "How long each component took.", "component", facts.component_seconds)
    gauges(IMAGES, "Images in each split.", "split", facts.images)
    gauge(QUARANTINED, "Files that were put aside.", facts.quarantined_images)
    gauge(EPOCHS, "Epochs that ran.", facts.epochs)
    gauges(METRIC, "The model on the test split.", "metric", facts.metrics)
    gauges(BASELINE_METRIC, "The latest blessed model on the same images.", "metric", facts.baseline_metrics)
    distances = Gauge(
        DRIFT, "How far the data is from other data, 0 to 1.", ("against", "feature", "measure"), registry=registry
    )
    for labels, value in facts.drift.items():
        distances.labels(*labels).set(value)
    gauge(BLESSED, "1 when the latest model passed the gate.", float(facts.blessed))
    if facts.pushed_version is not None:
        gauge(PUSHED_VERSION, "The version that was pushed last.", facts.pushed_version)
        # A run whose components are all cached pushes nothing new: its model is as old as before.
        new = before.get(PUSHED_VERSION) != facts.pushed_version
        gauge(PUSHED, "When it was pushed.", report.finished if new else before.get(PUSHED, report.finished))
    return registry
