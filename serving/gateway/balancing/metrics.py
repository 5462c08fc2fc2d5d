"""What Prometheus sees of ejections and retries."""

from __future__ import annotations

from enum import Enum

from prometheus_client import CollectorRegistry, Counter, Gauge


class Circuit(float, Enum):
    """Whether requests go to a model server: to one that was ejected first a single one, on trial."""

    CLOSED = 0.0
    HALF_OPEN = 0.5
    OPEN = 1.0


class BalancingMetrics:
    """Records what is done about model servers that fail."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"darkroom_gateway_{name}_total", text, labels, registry=registry)

        self._circuit = Gauge(
            "darkroom_gateway_backend_circuit",
            "0 while a model server gets requests, 1 while it is ejected, 0.5 while one request tries it.",
            ("backend",),
            registry=registry,
        )
        self._ejections = counter("backend_ejections", "Ejections of model servers.", "backend", "reason")
        self._spared = counter(
            "backend_ejections_spared", "Ejections left out because too many were ejected already.", "reason"
        )
        self._retries = counter(
            "retries", "Calls repeated at another model server after one was unavailable.", "method"
        )
        self._exhausted = counter("retry_budget_exhausted", "Retries left out because there were too many.", "method")

    def circuit(self, backend: str, state: Circuit) -> None:
        """A model server was ejected, is on trial, or is back."""
        self._circuit.labels(backend).set(state.value)

    def ejected(self, backend: str, reason: str) -> None:
        """A model server gets no requests for a while."""
        self._ejections.labels(backend, reason).inc()

    def spared(self, reason: str) -> None:
        """A model server would have been ejected if others were not."""
        self._spared.labels(reason).inc()

    def retried(self, method: str) -> None:
        """A call goes to another model server."""
        self._retries.labels(method).inc()

    def budget_exhausted(self, method: str) -> None:
        """A call would have gone to another model server if fewer had."""
        self._exhausted.labels(method).inc()

    def backend_gone(self, backend: str) -> None:
        """A model server left the list: its series end."""
        self._circuit.remove_by_labels({"backend": backend})
        self._ejections.remove_by_labels({"backend": backend})
