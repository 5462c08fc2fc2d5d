"""From a version folder to a version that is fit to serve: load, check, warm up."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from serving.errors import Code, ServingError
from serving.model_server.batching.runner import BatchingRunner
from serving.model_server.batching.scheduler import BatchScheduler
from serving.model_server.darkroom_check import check_darkroom_model
from serving.model_server.metrics import ModelServerMetrics
from serving.model_server.runner import DirectRunner, Runner
from serving.model_server.runtime import Runtime, Servable
from serving.model_server.warmup import warm_up

_log = logging.getLogger(__name__)

_MICROSECONDS = 1_000_000


class Loader:
    """Loads versions with one runtime; blocking, called from one thread at a time."""

    def __init__(
        self,
        runtime: Runtime,
        metrics: ModelServerMetrics,
        *,
        batching: BatchScheduler | None = None,
        enable_warmup: bool = True,
        warmup_iterations: int = 1,
    ) -> None:
        self._runtime = runtime
        self._metrics = metrics
        self._batching = batching
        self._enable_warmup = enable_warmup
        self._warmup_iterations = warmup_iterations

    def load(self, path: Path) -> Runner:
        """A version that has passed its checks and its warm-up.

        Raises:
            ServingError: whatever went wrong, with nothing left loaded.
        """
        start = time.monotonic()
        try:
            servable = self._runtime.load(path)
        except ServingError:
            self._metrics.load_attempt_count.add(str(path), "fail")
            raise
        except Exception as error:
            # A broken folder can make a runtime raise anything; the other versions must go on serving.
            self._metrics.load_attempt_count.add(str(path), "fail")
            _log.exception("Loading %s failed", path)
            raise ServingError(Code.INTERNAL, f"Loading {path} failed: {type(error).__name__}: {error}") from error
        self._metrics.load_attempt_count.add(str(path), "success")
        self._metrics.load_latency.add(str(path), by=int((time.monotonic() - start) * _MICROSECONDS))
        try:
            check_darkroom_model(path, servable)
            self._warm_up(path, servable)
        except BaseException:
            servable.close()
            raise
        if self._batching is not None:
            return BatchingRunner(servable, self._batching, self._metrics)
        return DirectRunner(servable)

    def _warm_up(self, path: Path, servable: Servable) -> None:
        if not self._enable_warmup:
            return
        start = time.monotonic()
        status = "OK"
        count = 0
        try:
            count = warm_up(path, DirectRunner(servable), iterations=self._warmup_iterations)
        except ServingError as error:
            status = error.code.name
            raise
        finally:
            if count or status != "OK":
                elapsed = time.monotonic() - start
                self._metrics.model_warmup_latency.observe(elapsed * _MICROSECONDS, str(path), status)
                _log.info("Warm-up of %s: %d requests in %.2f s, %s", path, count, elapsed, status)
