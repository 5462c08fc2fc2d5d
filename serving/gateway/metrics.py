"""The gateway's Prometheus metrics. Only this module, `watched_metrics` and `metrics.py` of the folders beside it know
Prometheus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from preprocessing.population.pixel_facts import PixelFacts
from serving.errors import Code
from serving.gateway.balancing.metrics import BalancingMetrics
from serving.gateway.drift.monitor import VersionDrift
from serving.gateway.record import RequestRecord
from serving.gateway.releases.metrics import ReleaseMetrics
from serving.gateway.resolved_metric import Resolved
from serving.gateway.watched_metrics import DriftCollector, PredictionLogCollector
from serving.prediction_log.writer import PredictionLogWriter

# From a forwarded call on loopback to a cold model on a busy CPU.
_LATENCY_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_IMAGE_BYTES = tuple(float(1024 * 4**power) for power in range(8))  # 1 KiB .. 16 MiB
_IMAGE_PIXELS = tuple(float(4**power) for power in range(5, 14))  # 32 x 32 .. 8192 x 8192
_BRIGHTNESS = tuple(float(level) for level in range(16, 256, 16))
_CONFIDENCE = tuple(step / 10 for step in range(1, 11))

# Names that no model server has confirmed stay out of the labels: a client could invent any number of them.
_UNCONFIRMED = "unknown"
_OTHER_CLASSES = "other"
# Keys are few; the subjects of tokens may be many.
_MOST_KEYS = 1000
_OTHER_KEYS = "other"
_REQUEST_LABELS = ("method", "model", "version", "signature", "protocol", "code")


class GatewayMetrics:
    """Records what happens; `render` writes it in the format that the scraper asks for.

    Attributes:
        balancing: what is done about model servers that fail.
        releases: what stable, canary and shadow do.
    """

    def __init__(self, *, max_classes: int) -> None:
        self._max_classes = max_classes
        self._classes: dict[str, set[str]] = {}
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._requests = Resolved(
            self._counter("requests", "Requests answered; code is gRPC's, OK for success.", *_REQUEST_LABELS)
        )
        self._errors = self._counter(
            "request_errors", "Requests answered with an error.", "model", "protocol", "code", "http_status"
        )
        self._seconds = Resolved(
            Histogram(
                "darkroom_gateway_request_seconds",
                "Time from a request's arrival to its answer.",
                _REQUEST_LABELS,
                buckets=_LATENCY_SECONDS,
                registry=self.registry,
            )
        )
        self._backend_seconds = Resolved(
            Histogram(
                "darkroom_gateway_backend_seconds",
                "Time of calls to model servers.",
                ("backend", "method", "code"),
                buckets=_LATENCY_SECONDS,
                registry=self.registry,
            )
        )
        self._in_flight = Resolved(
            self._gauge("in_flight_requests", "Requests that have arrived and are not answered yet.", "protocol")
        )
        self._shed = self._counter(
            "shed_requests", "Requests turned away because of load, by the limit they met.", "protocol", "reason"
        )
        self._refused = self._counter("refused_images", "Images refused, by the rule they broke.", "reason")
        self._images = Resolved(self._counter("images", "Images that passed inspection.", "format"))
        self._image_bytes = Resolved(
            Histogram(
                "darkroom_gateway_image_bytes",
                "Encoded size of images that passed inspection.",
                ("format",),
                buckets=_IMAGE_BYTES,
                registry=self.registry,
            )
        )
        self._image_pixels = Resolved(
            Histogram(
                "darkroom_gateway_image_pixels",
                "Width times height of images that passed inspection.",
                ("format",),
                buckets=_IMAGE_PIXELS,
                registry=self.registry,
            )
        )
        self._brightness = Histogram(
            "darkroom_gateway_image_brightness",
            "Mean luma, 0 to 255, of a sample of the answered images.",
            buckets=_BRIGHTNESS,
            registry=self.registry,
        )
        self._observer_failures = self._counter(
            "observer_failures", "Answered requests that the prediction log or drift could not take in."
        )
        self._predicted = Resolved(
            self._counter(
                "predicted_classes", "Answers by their most probable class.", "model", "version", "class_label"
            )
        )
        self._confidence = Resolved(
            Histogram(
                "darkroom_gateway_confidence",
                "Probability of the most probable class.",
                ("model", "version"),
                buckets=_CONFIDENCE,
                registry=self.registry,
            )
        )
        self._descriptions_failed = self._counter(
            "description_failures", "Model versions whose description could not be had.", "model", "reason"
        )
        self._backend_available = self._gauge(
            "backend_available", "Whether a model server has the model available.", "backend"
        )
        self._key_requests = self._counter("key_requests", "Requests answered, by the caller's key.", "key", "code")
        self._rate_limited = self._counter(
            "rate_limited_requests", "Requests turned away because their key had asked too much.", "key"
        )
        self._denied = self._counter("access_denied", "Requests whose caller may not make them.", "reason")
        self._reloads = self._counter(
            "file_reloads", "Changed certificates and keys, and whether they were taken.", "file", "result"
        )
        self._keys: set[str] = set()
        self._turned_away: dict[tuple[str, str, str], tuple[Counter, ...]] = {}
        self._restarts = self._counter("model_server_restarts", "Restarts of the embedded model server.")
        self.balancing = BalancingMetrics(self.registry)
        self.releases = ReleaseMetrics(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"darkroom_gateway_{name}_total", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"darkroom_gateway_{name}", text, labels, registry=self.registry)

    def watch_values(
        self,
        *,
        draining: Callable[[], float],
        log_failures: Callable[[], float],
        concurrency_limit: Callable[[], float],
        queued: Callable[[], float],
        loop_lag: Callable[[], float],
    ) -> None:
        """Read these values whenever somebody scrapes."""
        self._gauge("concurrency_limit", "Requests that may be worked on at once now.").set_function(concurrency_limit)
        self._gauge("queued_requests", "Requests that wait until others are answered.").set_function(queued)
        self._gauge("loop_lag_seconds", "How late the gateway comes to its own work.").set_function(loop_lag)
        self._gauge("draining", "1 while the gateway finishes its last requests.").set_function(draining)
        self._gauge("request_log_failures", "Lines of the request log that could not be written.").set_function(
            log_failures
        )

    def watch_prediction_log(self, writer: PredictionLogWriter) -> None:
        """Read the prediction log's counts whenever somebody scrapes."""
        self.registry.register(PredictionLogCollector(writer))

    def watch_drift(self, drifts: Callable[[], Iterable[VersionDrift]]) -> None:
        """Compute the drift of each model version whenever somebody scrapes."""
        self.registry.register(DriftCollector(drifts))

    def image_measured(self, facts: PixelFacts) -> None:
        """An image out of the sample that is decoded for its brightness."""
        self._brightness.observe(facts.brightness)

    def observer_failed(self) -> None:
        """An answered request could not be observed, which is a bug; the log has it."""
        self._observer_failures.inc()

    def request_arrived(self, protocol: str) -> None:
        """A request is here; `request_answered` follows."""
        self._in_flight.labels(protocol).inc()

    def request_answered(self, record: RequestRecord) -> None:
        """A request is done, well or not."""
        self._in_flight.labels(record.protocol).dec()
        code = "OK" if record.code is None else record.code.name
        labels = (
            record.method,
            record.model if record.known_model else _UNCONFIRMED,
            str(record.answered_version or ""),
            record.signature if record.known_signature else _UNCONFIRMED,
            record.protocol,
            code,
        )
        self._requests.labels(*labels).inc()
        self._seconds.labels(*labels).observe(record.elapsed_ms() / 1000)
        if record.code is not None:
            self._errors.labels(labels[1], record.protocol, code, str(record.http_status or "")).inc()
        if record.caller is not None:
            self._key_requests.labels(self._key(record.caller.name), code).inc()
        if record.refusal is not None:
            self._refused.labels(record.refusal.value).inc()
        for header, size in zip(record.images, record.image_bytes, strict=True):
            self._images.labels(header.format.value).inc()
            self._image_bytes.labels(header.format.value).observe(size)
            self._image_pixels.labels(header.format.value).observe(header.width * header.height)
        for label, confidence in record.predicted:
            self._predicted.labels(labels[1], labels[2], self._class_label(record.model, label)).inc()
            self._confidence.labels(labels[1], labels[2]).observe(confidence)

    def _class_label(self, model: str, label: str) -> str:
        seen = self._classes.setdefault(model, set())
        if label not in seen:
            if len(seen) >= self._max_classes:
                return _OTHER_CLASSES
            seen.add(label)
        return label

    def _key(self, name: str) -> str:
        if name not in self._keys:
            if len(self._keys) >= _MOST_KEYS:
                return _OTHER_KEYS
            self._keys.add(name)
        return name

    def rate_limited(self, name: str) -> None:
        """A request was turned away because its caller had asked too much."""
        self._rate_limited.labels(self._key(name)).inc()

    def access_denied(self, reason: str) -> None:
        """A request's caller may not make it, or can't be told."""
        self._denied.labels(reason).inc()

    def files_reloaded(self, what: str, *, ok: bool) -> None:
        """Files had changed and were read again."""
        self._reloads.labels(what, "ok" if ok else "failed").inc()

    def request_shed(self, protocol: str, reason: str) -> None:
        """A request was turned away because of load."""
        self._shed.labels(protocol, reason).inc()

    def request_turned_away(self, protocol: str, method: str, reason: str) -> None:
        """A request was turned away at the door; this is all that is noted of it."""
        children = self._turned_away.get((protocol, method, reason))
        if children is None:
            code, http_status = Code.RESOURCE_EXHAUSTED.name, "429" if protocol == "rest" else ""
            children = self._turned_away[protocol, method, reason] = (
                self._requests.labels(method, _UNCONFIRMED, "", _UNCONFIRMED, protocol, code),
                self._errors.labels(_UNCONFIRMED, protocol, code, http_status),
                self._shed.labels(protocol, reason),
            )
        for child in children:
            child.inc()

    def backend_call(self, backend: str, method: str, code: str, seconds: float) -> None:
        """A call to a model server ended."""
        self._backend_seconds.labels(backend, method, code).observe(seconds)

    def backend_available(self, backend: str, available: bool) -> None:
        """The last look at a model server."""
        self._backend_available.labels(backend).set(available)

    def backend_gone(self, backend: str) -> None:
        """A model server left the list: its series end, or restarts on new ports would pile them up."""
        self._backend_available.remove_by_labels({"backend": backend})
        self._backend_seconds.remove("backend", backend)
        self.balancing.backend_gone(backend)

    def description_failed(self, model: str, reason: str) -> None:
        """A model version answered but could not be asked what it is."""
        self._descriptions_failed.labels(model, reason).inc()

    def model_server_restarted(self) -> None:
        """The embedded model server was started again."""
        self._restarts.inc()

    def render(self, accept: str) -> tuple[bytes, str]:
        """All metrics and their content type, OpenMetrics when `accept` asks for it."""
        encode: Any
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type
