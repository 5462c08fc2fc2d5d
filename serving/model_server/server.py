"""The model server as a whole: wires the parts, listens, and drains."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from darkroom.errors import ConfigurationError, DarkroomError
from serving.grpc_health import HealthService
from serving.http_server import HttpServer
from serving.model_server.batching.scheduler import BatchScheduler
from serving.model_server.config_watcher import ConfigWatcher
from serving.model_server.core import ServingCore
from serving.model_server.grpc_adapter import MODEL_SERVICE, PREDICTION_SERVICE
from serving.model_server.grpc_server import GrpcServer
from serving.model_server.loader import Loader
from serving.model_server.metrics import ModelServerMetrics
from serving.model_server.model_manager import ModelManager
from serving.model_server.rest_adapter import RestAdapter
from serving.model_server.runtime import Runtime
from serving.model_server.settings import ModelServerSettings
from serving.model_server.tensorflow_runtime import TensorFlowRuntime
from serving.model_server.tracing.settings import TracingSettings
from serving.model_server.tracing.spans import NoTracer, Tracer

_log = logging.getLogger(__name__)

# How often a server that should end with its parent looks whether the parent is still there.
_PARENT_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Ports:
    """The TCP ports on which the server listens; None for a protocol that was switched off."""

    grpc_port: int | None
    rest_port: int | None


class ModelServer:
    """The server in the running event loop.

    Example:
        server = ModelServer(settings)
        ports = await server.start()
        ...
        await server.stop()
    """

    def __init__(
        self, settings: ModelServerSettings, runtime: Runtime | None = None, *, owns_process: bool = False
    ) -> None:
        """Nothing listens or loads before `start`.

        Args:
            settings: what to serve and where.
            runtime: what runs the models, TensorFlow by default.
            owns_process: whether the process does nothing else, see `TensorFlowRuntime`.

        Raises:
            ConfigurationError: tracing is switched on and not installed.
        """
        self._settings = settings
        self._metrics = ModelServerMetrics()
        # Loading has its own thread: it takes seconds, and requests must not wait behind it.
        self._load_executor = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._inference_executor = ThreadPoolExecutor(settings.inference_threads, thread_name_prefix="inference")
        self._batching = BatchScheduler(settings.batching) if settings.batching is not None else None
        loader = Loader(
            runtime
            or TensorFlowRuntime(
                intra_op_threads=settings.intra_op_threads,
                inter_op_threads=settings.inter_op_threads,
                owns_process=owns_process,
            ),
            self._metrics,
            batching=self._batching,
            enable_warmup=settings.enable_warmup,
            warmup_iterations=settings.warmup_iterations,
        )
        self.models = ModelManager(
            settings.models,
            loader,
            self._load_executor,
            poll_seconds=settings.poll_seconds,
            allow_labels_for_unavailable=settings.allow_labels_for_unavailable,
        )
        self._tracer = _tracer(settings.tracing)
        core = ServingCore(self.models, self._inference_executor, self._metrics, self._tracer)
        app = RestAdapter(core, timeout_seconds=settings.rest_timeout_seconds, metrics_path=settings.metrics_path).app()
        self._http = HttpServer(app, host=settings.host, port=settings.rest_port or 0)
        self._core = core
        self._health = HealthService(lambda: self.ready, (PREDICTION_SERVICE, MODEL_SERVICE))
        self._grpc = GrpcServer(core, self._health, settings)
        self._started = False
        self._config_watcher: ConfigWatcher | None = None
        self._draining = False

    @property
    def ready(self) -> bool:
        """What gRPC's health service says: every model has an available version, and the server is not draining."""
        return self.models.ready and not self._draining

    async def start(self) -> Ports:
        """Listen and begin to load; returns before any model is available.

        Raises:
            DarkroomError: an address cannot be bound.
        """
        grpc_port = await self._grpc.start()
        rest_port = None
        try:
            if self._settings.rest_port is not None:
                rest_port = await self._http.start()
        except OSError as error:
            await self._grpc.stop(0)
            raise DarkroomError(error.strerror or str(error)) from error
        self._started = True
        if self._batching is not None:
            self._batching.start()
        self.models.start()
        if self._settings.config_file is not None and self._settings.config_poll_seconds > 0:
            self._config_watcher = ConfigWatcher(
                self._settings.config_file,
                self.models,
                self._settings.models,
                poll_seconds=self._settings.config_poll_seconds,
            )
            self._config_watcher.start()
        return Ports(grpc_port, rest_port)

    async def stop(self, drain_seconds: float | None = None) -> None:
        """Turn health to NOT_SERVING, take no new requests, finish those under way, unload, and return."""
        if self._draining or not self._started:
            return
        self._draining = True
        self._health.close()
        if self._config_watcher is not None:
            await self._config_watcher.stop()
        grace = self._settings.drain_seconds if drain_seconds is None else drain_seconds
        await asyncio.gather(self._grpc.stop(grace), self._http.stop(grace))
        # What has not finished within the grace was cancelled; its threads cannot be, and are not waited for.
        self._core.close()
        if self._batching is not None:
            self._batching.close()
        try:
            async with asyncio.timeout(max(grace, 1.0)):
                await self.models.stop()
        except TimeoutError:
            _log.warning("Some requests did not end within %g s of being cancelled", grace)
        self._load_executor.shutdown(wait=False, cancel_futures=True)
        await self._tracer.close()


def _tracer(settings: TracingSettings | None) -> Tracer:
    if settings is None:
        return NoTracer()
    try:
        from serving.model_server.tracing.open_telemetry import OpenTelemetryTracer  # noqa: PLC0415 - when switched on
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"--tracing-otlp-endpoint is set, but {error.name} is not installed: install darkroom[tracing]"
        ) from error
    return OpenTelemetryTracer(settings)


async def serve(
    settings: ModelServerSettings,
    *,
    on_listening: Callable[[Ports], None] = lambda ports: None,
    exit_with_parent: bool = False,
) -> None:
    """Serve until SIGTERM, SIGINT, or the end of the parent process; then drain and return.

    Args:
        settings: what to serve and where.
        on_listening: called once with the bound ports.
        exit_with_parent: end when the process that started this one has ended.

    Raises:
        DarkroomError: an address cannot be bound.
    """
    parent = os.getppid()
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    server = ModelServer(settings, owns_process=True)
    ports = await server.start()
    on_listening(ports)
    watch = asyncio.create_task(_watch_parent(parent, done)) if exit_with_parent else None
    await done.wait()
    if watch is not None:
        watch.cancel()
    _log.info("Draining for up to %g s", settings.drain_seconds)
    await server.stop()


async def _watch_parent(parent: int, done: asyncio.Event) -> None:
    """Set `done` when this process was handed to another parent, because its own has ended."""
    while os.getppid() == parent:
        await asyncio.sleep(_PARENT_POLL_SECONDS)
    _log.warning("The parent process %d has ended; stopping", parent)
    done.set()
