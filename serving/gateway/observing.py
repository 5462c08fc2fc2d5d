"""What a gateway has of request observers: the prediction log and the drift monitor, made, watched and closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serving.gateway.drift.monitor import DriftMonitor
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.prediction_log import PredictionLog
from serving.gateway.request_observer import RequestObservers
from serving.gateway.servables import Servables
from serving.gateway.settings import GatewaySettings


class Observing:
    """Adds what the settings ask for to `observers`, and its numbers to the metrics."""

    def __init__(
        self, settings: GatewaySettings, servables: Servables, metrics: GatewayMetrics, observers: RequestObservers
    ) -> None:
        """Start observing.

        Raises:
            OSError: the prediction log's folder can't be made or written.
        """
        self._prediction_log: PredictionLog | None = None
        self._drift: DriftMonitor | None = None
        if settings.prediction_log.folder is not None:
            self._prediction_log = PredictionLog(settings.prediction_log, Path(settings.prediction_log.folder))
            metrics.watch_prediction_log(self._prediction_log.writer)
            observers.watch(self._prediction_log)
        if settings.drift.enabled:

            async def describe(model: str, version: int) -> dict[str, Any] | None:
                found = await servables.description(model, version)
                return None if found is None else found.document

            self._drift = DriftMonitor(settings.drift, describe, metrics.image_measured)
            metrics.watch_drift(self._drift.drifts)
            observers.watch(self._drift)

    async def close(self) -> None:
        """Flush the prediction log and stop what runs beside the requests."""
        if self._prediction_log is not None:
            await self._prediction_log.close()
        if self._drift is not None:
            await self._drift.close()
