"""A labelled metric whose children are kept: `labels()` checks, converts and locks each time it is asked."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from prometheus_client import Counter, Gauge, Histogram

_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)


class Resolved(Generic[_Metric]):
    """Children of a metric by their label values; as many as the metric has itself."""

    __slots__ = ("_children", "_metric")

    def __init__(self, metric: _Metric) -> None:
        self._metric: _Metric = metric
        self._children: dict[tuple[str, ...], _Metric] = {}

    def labels(self, *values: str) -> _Metric:
        """The child with these label values, in the metric's order."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._metric.labels(*values)
        return child

    def remove(self, label: str, value: str) -> None:
        """End all series with this label value."""
        labels: dict[str, Any] = {label: value}
        self._metric.remove_by_labels(labels)
        self._children.clear()
