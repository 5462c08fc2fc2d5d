"""What watches a gateway's requests, made and closed in one place: tracer, prediction log, drift monitor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from darkroom.errors import ConfigurationError
from serving.gateway.drift.monitor import DriftMonitor
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.prediction_log import PredictionLog
from serving.gateway.scope import RequestScope
from serving.gateway.servables import Servables
from serving.gateway.settings import GatewaySettings
from serving.gateway.tracing.settings import TracingSettings
from serving.gateway.tracing.spans import Tracer


class Observing:
    """Adds what the settings ask for to the scope of the requests, and its numbers to the metrics."""

    def __init__(
        self, settings: GatewaySettings, servables: Servables, metrics: GatewayMetrics, scope: RequestScope
    ) -> None:
        """Start observing.

        Raises:
            OSError: the prediction log's folder can't be made or written.
            ConfigurationError: tracing is switched on and not installed.
        """
        if settings.tracing.otlp_endpoint is not None:
            scope.tracer = _open_telemetry(settings.tracing)
        self._tracer = scope.tracer
        self._prediction_log: PredictionLog | None = None
        self._drift: DriftMonitor | None = None
        if settings.prediction_log.folder is not None:
            self._prediction_log = PredictionLog(settings.prediction_log, Path(settings.prediction_log.folder))
            metrics.watch_prediction_log(self._prediction_log.writer)
            scope.observers.watch(self._prediction_log)
        if settings.drift.enabled:

            async def describe(model: str, version: int) -> dict[str, Any] | None:
                found = await servables.description(model, version)
                return None if found is None else found.document

            self._drift = DriftMonitor(settings.drift, describe, metrics.image_measured)
            metrics.watch_drift(self._drift.drifts)
            scope.observers.watch(self._drift)

    async def close(self) -> None:
        """Flush the prediction log, stop what runs beside the requests, and send the spans that are left."""
        if self._prediction_log is not None:
            await self._prediction_log.close()
        if self._drift is not None:
            await self._drift.close()
        await self._tracer.close()


def _open_telemetry(settings: TracingSettings) -> Tracer:
    try:
        from serving.gateway.tracing.open_telemetry import OpenTelemetryTracer  # noqa: PLC0415 - only when switched on
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"serving.tracing.otlp_endpoint is set, but {error.name} is not installed: install darkroom[tracing]"
        ) from error
    return OpenTelemetryTracer(settings)
