"""What Prometheus sees of releases."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_DIFFERENCES = (0.0001, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class ReleaseMetrics:
    """Counts by arm: `stable`, `canary` and `shadow`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"darkroom_gateway_{name}_total", text, labels, registry=registry)

        self._requests = counter(
            "release_requests", "Requests that named no version, by the arm that was asked.", "arm", "version", "code"
        )
        self._errors = counter("release_errors", "Those of them that count against the arm.", "arm", "version", "code")
        self._seconds = Histogram(
            "darkroom_gateway_release_seconds",
            "Time of the model's answers to requests that named no version.",
            ("arm", "version"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._fallbacks = counter(
            "release_fallbacks", "Requests that the arm they were meant for did not answer.", "arm", "reason"
        )
        self._stops = counter("canary_stops", "Canaries stopped because of what they did.", "reason")
        self._stopped = Gauge(
            "darkroom_gateway_canary_stopped", "1 while a canary is stopped because of what it did.", registry=registry
        )
        self._weight = Gauge(
            "darkroom_gateway_canary_weight",
            "Share of the requests that the canary gets now.",
            registry=registry,
        )
        self._shadow_requests = counter(
            "shadow_requests",
            "Requests for the shadow: compared, not_comparable, dropped, or the code of their error.",
            "outcome",
        )
        self._shadow_images = counter(
            "shadow_comparisons", "Predictions of the shadow that were compared.", "version", "shadow_version"
        )
        self._disagreements = counter(
            "shadow_disagreements", "Those whose most probable class was another.", "version", "shadow_version"
        )
        self._differences = Histogram(
            "darkroom_gateway_shadow_score_difference",
            "Largest difference of a score between an answer and the shadow's.",
            ("version", "shadow_version"),
            buckets=_DIFFERENCES,
            registry=registry,
        )
        self._reloads = counter("configuration_reloads", "Configuration files read again, by result.", "result")

    def answered(self, arm: str, version: int, code: str, seconds: float) -> None:
        """An arm was asked and has answered, or not."""
        labels = (arm, str(version or ""))
        self._requests.labels(*labels, code).inc()
        if code == "OK":
            self._seconds.labels(*labels).observe(seconds)

    def failed(self, arm: str, version: int, code: str) -> None:
        """An error counts against an arm."""
        self._errors.labels(arm, str(version or ""), code).inc()

    def fell_back(self, arm: str, reason: str) -> None:
        """A request was answered by another arm than its own."""
        self._fallbacks.labels(arm, reason).inc()

    def canary(self, weight: float, *, stopped: bool) -> None:
        """The canary's share from now on."""
        self._weight.set(weight)
        self._stopped.set(stopped)

    def canary_was_stopped(self, reason: str) -> None:
        """A canary did not keep its limits."""
        self._stops.labels(reason).inc()

    def shadowed(self, outcome: str) -> None:
        """A request for the shadow has ended, or was dropped."""
        self._shadow_requests.labels(outcome).inc()

    def compared(self, version: int, shadow_version: int, predictions: int, disagreements: int, largest: float) -> None:
        """An answer was compared with the shadow's."""
        labels = (str(version), str(shadow_version))
        self._shadow_images.labels(*labels).inc(predictions)
        self._disagreements.labels(*labels).inc(disagreements)
        self._differences.labels(*labels).observe(largest)

    def reloaded(self, result: str) -> None:
        """The configuration was read again: `applied`, `unchanged` or `refused`."""
        self._reloads.labels(result).inc()
