"""Runs to tell a Pushgateway of, and what it holds then."""

from __future__ import annotations

import dataclasses
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from pipeline.runs import run_metrics
from pipeline.runs.run_metrics import Outcome, RunFindings, RunMetrics

FACTS = RunFindings(
    component_seconds={"ImageExampleGen": 2.5, "Trainer": 31.0},
    images={"train": 80, "eval": 20, "test": 20},
    quarantined_images=3,
    epochs=12,
    metrics={"accuracy": 0.93, "loss": 0.2},
    baseline_metrics={"accuracy": 0.91, "loss": 0.25},
    drift={("drift", "brightness", "jensen_shannon"): 0.2},
    blessed=True,
    pushed_version=7,
)


def pushed(model: str, **options: Any) -> RunMetrics:
    """A run that pushed version 7, or with `facts` another one."""
    return RunMetrics(model=model, outcome=Outcome.PUSHED, seconds=40.0, **{"facts": FACTS, **options})


def refused(model: str) -> RunMetrics:
    """A run whose model did not pass the gate."""
    facts = dataclasses.replace(FACTS, blessed=False, pushed_version=None)
    return RunMetrics(model=model, outcome=Outcome.NOT_BLESSED, seconds=41.0, facts=facts)


def failed(model: str) -> RunMetrics:
    """A run that came to nothing."""
    return RunMetrics(model=model, outcome=Outcome.FAILED, seconds=5.0)


def held(url: str, model: str) -> dict[tuple[str, ...], float]:
    """What a Pushgateway has of a model, by name and the labels that are the metric's own."""
    found = {}
    for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text):
        for sample in family.samples:
            labels = dict(sample.labels)
            if labels.pop("model", None) == model and labels.pop("job") == run_metrics.JOB:
                own = tuple(value for name, value in sorted(labels.items()) if name != "instance")
                found[sample.name, *own] = sample.value
    return found
