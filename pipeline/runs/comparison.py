"""What changed between two runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from pipeline.report.run_report import RunReport


class Difference(BaseModel):
    """One thing that is not the same.

    Attributes:
        area: data, code, configuration, packages, model or measures.
        name: what it is about.
        first, second: in each run; None where it is not there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    area: str
    name: str
    first: Any
    second: Any


def differences(first: RunReport, second: RunReport) -> list[Difference]:
    """All of them, the causes before the effects."""
    pairs = (
        ("data", _data(first), _data(second)),
        ("code", _code(first), _code(second)),
        ("configuration", flat(first.configuration), flat(second.configuration)),
        ("packages", first.packages, second.packages),
        ("model", _model(first), _model(second)),
        ("measures", _measures(first), _measures(second)),
    )
    # A run of an earlier version did not keep all of it.
    known = [(area, one, other) for area, one, other in pairs if one and other]
    return [found for area, one, other in known for found in _between(area, one, other)]


def _between(area: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys((*one, *other)):
        if not _is_same(one.get(name), other.get(name)):
            yield Difference(area=area, name=name, first=one.get(name), second=other.get(name))


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        # Sums in another order are no change.
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)


def _data(report: RunReport) -> dict[str, Any]:
    found = report.data or {}
    images = (report.model or {}).get("data", {}).get("images", {})
    return {
        "source": found.get("source"),
        "spans": ", ".join(found.get("spans", ())) or None,
        "fingerprint": report.fingerprint,
        "labels": ", ".join(found.get("labels", ())),
        **{f"{split} images": count for split, count in images.items()},
        "put aside": sum(report.put_aside.values()),
        "test set": report.evaluation.test_set if report.evaluation else None,
    }


def _code(report: RunReport) -> dict[str, Any]:
    return {"revision": report.code_revision} if report.packages else {}


def _model(report: RunReport) -> dict[str, Any]:
    if report.model is None:
        return {}
    training = report.model["training"]
    return {
        "preprocessing": report.model["preprocessing"]["version"],
        "parameters": training["parameters"],
        "epochs": training["epochs_run"],
        "best epoch": training["best_epoch"],
        "findings": ", ".join(finding["kind"] for finding in training["findings"]) or None,
    }


def _measures(report: RunReport) -> dict[str, Any]:
    measured = dict(report.evaluation.values) if report.evaluation else {}
    return {"outcome": report.outcome.split(" as ")[0], **measured}


def flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` to `{"a.b": 1}`."""
    if not isinstance(values, Mapping):
        return {prefix: values}
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return found
