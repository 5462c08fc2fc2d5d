"""Prometheus families that are computed when somebody scrapes: the prediction log's counts, and drift."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.gateway.drift.monitor import VersionDrift
from serving.prediction_log.writer import PredictionLogWriter

_VERSION = ("model", "version")


class PredictionLogCollector(Collector):
    """What became of the requests that the prediction log chose, and what its shards take."""

    def __init__(self, writer: PredictionLogWriter) -> None:
        self._writer = writer

    def collect(self) -> Iterator[Metric]:
        """The families, as of now."""
        counts = self._writer.counts
        outcomes = CounterMetricFamily(
            "darkroom_gateway_prediction_log_requests",
            "Requests chosen for the prediction log: written, dropped because too much waited, or not writable.",
            labels=("outcome",),
        )
        for outcome in ("written", "dropped", "failed"):
            outcomes.add_metric((outcome,), getattr(counts, outcome))
        yield outcomes
        yield CounterMetricFamily(
            "darkroom_gateway_prediction_log_deleted_shards",
            "Shards deleted to keep the prediction log within its bounds.",
            value=self._writer.shards_deleted,
        )
        for name, text, value in (
            ("bytes", "Disk that the prediction log's shards take.", self._writer.bytes_on_disk),
            ("limit_bytes", "Disk that they may take; the oldest are deleted first.", self._writer.bytes_allowed),
            ("waiting_bytes", "Requests in memory that wait to be written.", counts.waiting_bytes),
        ):
            yield GaugeMetricFamily(f"darkroom_gateway_prediction_log_{name}", text, value=value)


class DriftCollector(Collector):
    """How far each model version's window is from its baseline; a feature with too few values has no series."""

    def __init__(self, drifts: Callable[[], Iterable[VersionDrift]]) -> None:
        self._drifts = drifts

    def collect(self) -> Iterator[Metric]:
        """The families, as of now."""
        psi = GaugeMetricFamily(
            "darkroom_gateway_drift_psi",
            "Population stability index of a feature in the window against the model's baseline.",
            labels=(*_VERSION, "feature"),
        )
        jensen_shannon = GaugeMetricFamily(
            "darkroom_gateway_drift_jensen_shannon",
            "Jensen-Shannon divergence (base 2) of a feature in the window against the model's baseline.",
            labels=(*_VERSION, "feature"),
        )
        window = GaugeMetricFamily("darkroom_gateway_drift_window_images", "Images in the window.", labels=_VERSION)
        baseline = GaugeMetricFamily(
            "darkroom_gateway_drift_baseline_images",
            "Images in the baseline stored with the model; 0 when it stores none, and then there is no drift to see.",
            labels=_VERSION,
        )
        for found in self._drifts():
            labels = (found.model, str(found.version))
            window.add_metric(labels, found.window_images)
            baseline.add_metric(labels, found.baseline_images)
            for divergence in found.divergences:
                psi.add_metric((*labels, divergence.feature), divergence.psi)
                jensen_shannon.add_metric((*labels, divergence.feature), divergence.jensen_shannon)
        yield from (psi, jensen_shannon, window, baseline)
