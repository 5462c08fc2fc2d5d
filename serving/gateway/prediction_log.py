"""Which answered requests go into the prediction log."""

from __future__ import annotations

import asyncio
import functools
import random
from pathlib import Path

from serving.gateway.record import RequestRecord
from serving.prediction_log.entry import LOG_FIELDS, Answered, log_entry
from serving.prediction_log.settings import PredictionLogSettings
from serving.prediction_log.writer import PredictionLogWriter

# Time that the end of the process waits for the disk.
_CLOSE_SECONDS = 10.0


class PredictionLog:
    """Chooses requests, at random and those below a confidence, and hands them to the writer's thread.

    Attributes:
        writer: its counts are metrics.
    """

    def __init__(self, settings: PredictionLogSettings, folder: Path) -> None:
        """Open the log.

        Raises:
            OSError: when the folder can't be made or written.
        """
        self._rate = settings.sample_rate
        self._below = settings.below_confidence
        self._random = random.Random()
        try:
            self.writer = PredictionLogWriter(settings, folder)
        except OSError as error:
            raise OSError(
                error.errno, f"The folder of serving.prediction_log can't be used: {error.strerror}", str(folder)
            ) from error

    def __call__(self, record: RequestRecord) -> None:
        """Keep `record`'s request if it is one of those to keep."""
        exchange = record.exchange
        if record.code is not None or exchange is None or exchange.method not in LOG_FIELDS:
            return
        # Random first, so that the ones chosen at random are a fair sample, low confidences included.
        is_sampled = self._random.random() < self._rate
        if not is_sampled and not any(confidence < self._below for _, confidence in record.predicted):
            return
        size = exchange.request.ByteSize() + exchange.response.ByteSize()
        self.writer.offer(
            size,
            functools.partial(
                _serialized,
                Answered(exchange.method, exchange.request, exchange.response),
                record.request_id,
                record.answered_version,
                self._rate if is_sampled else None,
            ),
        )

    async def close(self) -> None:
        """Write what waits; the event loop goes on meanwhile."""
        await asyncio.to_thread(self.writer.close, _CLOSE_SECONDS)


def _serialized(answered: Answered, request_id: str, version: int, sampling_rate: float | None) -> bytes:
    entry = log_entry(answered, request_id=request_id, version=version, sampling_rate=sampling_rate)
    data: bytes = entry.SerializeToString()
    return data
