"""The gateway process: everything wired together in one event loop, from listening to drained."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio

from darkroom.heap import keep_what_is_alive, reuse_large_blocks
from serving.backend_tls.credentials import BackendCredentials
from serving.backend_tls.settings import BackendTlsSettings
from serving.gateway.admin import AdminCalls
from serving.gateway.backend import OpenChannel, insecure_channel
from serving.gateway.configuration_reload import ConfigurationReload, ConfigurationSource
from serving.gateway.core import GatewayCore
from serving.gateway.embedded_models import EmbeddedModels
from serving.gateway.grpc_service import build_grpc_server
from serving.gateway.health import Health
from serving.gateway.image_check import ImageChecker
from serving.gateway.image_fetcher import ImageFetcher
from serving.gateway.limits import Limiter
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.observing import Observing
from serving.gateway.overload.grpc_shedding import GrpcShedding
from serving.gateway.overload.turned_away import TurnedAway
from serving.gateway.pool import BackendPool
from serving.gateway.releases.releases import Releases
from serving.gateway.releases.settings import ReleaseSettings
from serving.gateway.request_log import RequestLog
from serving.gateway.rest import RestAdapter
from serving.gateway.scope import RequestScope
from serving.gateway.security.access import Access
from serving.gateway.security.certificates import Certificates
from serving.gateway.security.exposure import warn_of_exposure
from serving.gateway.servables import Servables
from serving.gateway.settings import GatewaySettings
from serving.gateway.supervisor import ModelServerSupervisor
from serving.gateway.watched_files import WatchedFiles, watch_files
from serving.http_protocol import ConnectionLimits, protocol_with
from serving.http_server import HttpServer
from serving.open_files import connections_allowed, raise_open_files_limit

_LOG = logging.getLogger(__name__)

_READY_POLL_SECONDS = 0.05
# Connections that are idle after the drain have nothing to lose.
_CLOSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a gateway listens."""

    host: str
    rest_port: int
    grpc_port: int


class Gateway:
    """One gateway inside a running event loop.

    Example:
        gateway = Gateway(settings, "digits")
        listening = await gateway.start()
        ...
        await gateway.drain()

    Attributes:
        health: what /readyz answers.
        releases: which version answers requests that name none.
        rest: the ASGI app.
        supervisor: of the embedded model server; None in front of servers that run already.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        model_name: str,
        *,
        model_server_command: Sequence[str] | None = None,
        model_server_log: Path | None = None,
        models: EmbeddedModels | None = None,
        configuration: ConfigurationSource | None = None,
    ) -> None:
        """Nothing is bound or started yet.

        Args:
            settings: with `backends`, or
            model_name: whose availability makes the gateway ready.
            model_server_command: starts the embedded model server; needed when `settings.backends` is empty.
            model_server_log: the embedded model server's standard error; without it, this process's.
            models: which versions the embedded model server loads, where releases decide.
            configuration: where the settings came from; without it, SIGHUP changes nothing.

        Raises:
            ValueError: neither backends nor a command, or both; backend_tls without backends.
            OSError: the request log or the prediction log can't be opened.
            ConfigurationError: a certificate, or a file of keys, is wrong.
        """
        if bool(settings.backends) == (model_server_command is not None):
            raise ValueError("a gateway needs either settings.backends or a model_server_command")
        if settings.backend_tls is not None and not settings.backends:
            raise ValueError("backend_tls is for settings.backends; the embedded model server is asked in plain text")
        self._settings = settings
        self._metrics = GatewayMetrics(max_classes=settings.metrics_max_classes)
        self._log = RequestLog(settings.log)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watched: list[WatchedFiles] = []
        self._pool = BackendPool(settings, model_name, self._metrics, self._backend_channels(settings.backend_tls))
        self._checker = ImageChecker(settings)
        self._fetcher = ImageFetcher(settings.image_urls, max_bytes=settings.limits.max_bytes)
        self._limiter = Limiter(settings)
        self._scope = RequestScope(self._metrics, self._log)
        self.releases = Releases(
            settings.releases, model_name=model_name, pool=self._pool, metrics=self._metrics.releases
        )
        servables = Servables(self._pool, self._metrics)
        self._observing = Observing(settings, servables, self._metrics, self._scope)
        self._core = GatewayCore(
            settings=settings,
            model_name=model_name,
            pool=self._pool,
            servables=servables,
            checker=self._checker,
            fetcher=self._fetcher,
            limiter=self._limiter,
            releases=self.releases,
            metrics=self._metrics,
        )
        self.health = Health(self._pool, model_name, self.releases)
        self._metrics.watch_values(
            draining=lambda: float(self.health.draining),
            log_failures=lambda: float(self._log.failures),
            concurrency_limit=lambda: float(self._limiter.concurrency_limit),
            queued=lambda: float(self._limiter.queued),
            loop_lag=lambda: self._limiter.lag_seconds,
        )
        self._models = models
        self._reload: ConfigurationReload | None = None
        if configuration is not None:
            self._reload = ConfigurationReload(configuration, settings, self._apply, self._metrics.releases)
        self.supervisor: ModelServerSupervisor | None = None
        if model_server_command is not None:
            self.supervisor = ModelServerSupervisor(
                model_server_command,
                on_addresses=self._pool.set_addresses,
                metrics=self._metrics,
                log_path=model_server_log,
            )
        self._watching: asyncio.Task[None] | None = None
        self._told = asyncio.Event()
        self._access: Access | None = None
        if settings.authentication.enabled:
            self._access = Access(settings.authentication, self._metrics)
            self._watched += self._access.files
        self._certificates: Certificates | None = None
        if settings.tls is not None:
            found = self._certificates = Certificates(settings.tls)
            self._watched.append(WatchedFiles("certificates", found.paths, found.load, self._metrics))
        self._turned_away = TurnedAway(self._metrics, self._log)
        rest = RestAdapter(
            settings=settings,
            core=self._core,
            scope=self._scope,
            limiter=self._limiter,
            health=self.health,
            releases=self.releases,
            metrics=self._metrics,
            access=self._access,
            turned_away=self._turned_away,
        )
        tls: dict[str, Any] = {}
        if self._certificates is not None:
            tls["ssl_context_factory"] = self._certificates.as_factory
        self.rest = rest.routes
        limits = ConnectionLimits(settings.head_timeout_seconds, settings.max_connections or connections_allowed())
        self._http = HttpServer(
            rest.app,
            host=settings.host,
            port=settings.rest_port,
            lifespan="off",
            http=protocol_with(limits),
            **tls,
        )
        self._grpc: grpc.aio.Server | None = None

    def _backend_channels(self, tls: BackendTlsSettings | None) -> OpenChannel:
        """What opens channels to model servers; opens them anew when certificates change."""
        if tls is None:
            return insecure_channel
        credentials = BackendCredentials(tls, "serving.backend_tls")

        def load() -> None:
            credentials.load()
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._pool.reconnect)

        self._watched.append(WatchedFiles("backend certificates", credentials.paths, load, self._metrics))
        return credentials.channel

    async def start(self) -> Listening:
        """Listen on both ports, then start the model server (it takes long; the gateway lives meanwhile).

        Raises:
            OSError: an address can't be bound.
        """
        settings = self._settings
        warn_of_exposure(settings)
        admin = AdminCalls(self._pool, allowed=settings.authentication.admin_calls)
        self._grpc = build_grpc_server(
            settings,
            self._core,
            self._scope,
            self.health,
            admin=admin,
            access=self._access,
            shedding=GrpcShedding(self._limiter, self._scope, self._turned_away),
        )
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        try:
            grpc_port = self._bind_grpc(self._grpc, f"{host}:{settings.grpc_port}")
        except RuntimeError as error:
            raise OSError(f"Cannot listen on {host}:{settings.grpc_port} for gRPC: {error}") from error
        self._limiter.start()
        self._loop = asyncio.get_running_loop()
        rest_port = await self._http.start()
        await self._grpc.start()
        if self._models is not None:
            self._models.write(settings.releases)
        if self._watched:
            self._watching = asyncio.create_task(
                watch_files(self._watched, settings.reload_seconds, self._told), name="watch-files"
            )
        if self.supervisor is not None:
            self.supervisor.start()
        else:
            self._pool.set_addresses(settings.backends)
        if self._reload is not None:
            self._reload.start()
        return Listening(settings.host, rest_port, grpc_port)

    def reload(self) -> None:
        """Read certificates, keys and the configuration file again, soon."""
        self._told.set()
        if self._reload is not None:
            self._reload.tell()
        elif not self._watched:
            _LOG.warning("There is nothing to read again: the gateway has no configuration file, certificates or keys")

    def _apply(self, releases: ReleaseSettings | None) -> bool:
        changed = self.releases.configure(releases)
        if self._models is not None:  # labels may have changed where the releases have not
            self._models.write(releases)
        return changed

    def _bind_grpc(self, server: grpc.aio.Server, address: str) -> int:
        if self._certificates is None:
            return int(server.add_insecure_port(address))
        return int(server.add_secure_port(address, self._certificates.grpc_credentials()))

    async def until_ready(self) -> int:
        """Wait until the gateway is ready; returns the model's newest version."""
        while True:
            found = self.health.readiness()
            if found.ready and found.version is not None:
                return found.version
            await asyncio.sleep(_READY_POLL_SECONDS)

    async def drain(self) -> bool:
        """Stop without losing a request: turn unready, refuse new ones, finish those in flight, stop everything.

        Returns:
            Whether all requests in flight could finish.
        """
        self.health.draining = True
        await asyncio.sleep(self._settings.drain_delay_seconds)
        self._scope.refusing = True
        finished = await self._scope.until_idle(self._settings.drain_seconds)
        if not finished:
            _LOG.warning("Requests still ran after %g s and are given up", self._settings.drain_seconds)
        await self.close()
        return finished

    async def close(self) -> None:
        """Stop everything at once; safe to call after `drain`, or when `start` failed."""
        self._scope.refusing = True
        if self._reload is not None:
            await self._reload.stop()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        if self._grpc is not None:
            await self._grpc.stop(0)
            self._grpc = None
        await self._http.stop(_CLOSE_SECONDS)
        if self.supervisor is not None:
            await self.supervisor.stop()
        await self._observing.close()
        await self.releases.close()
        await self._pool.close()
        await self._fetcher.close()
        await self._limiter.stop()
        self._checker.close()
        self._log.close()


def run_gateway(
    build: Callable[[], Gateway],
    *,
    on_listening: Callable[[Listening], None],
    on_ready: Callable[[int], None],
    on_draining: Callable[[], None],
) -> None:
    """Run a gateway in this process until SIGTERM or SIGINT, then drain it. A second signal stops it at once.

    Args:
        build: makes the gateway, inside the loop.
        on_listening: told where it listens.
        on_ready: told the model's version, once, when the gateway becomes ready.
        on_draining: told when a signal has come.

    Raises:
        OSError: an address can't be bound.
    """
    raise_open_files_limit()
    import uvloop  # noqa: PLC0415 - a loop for this process, not for whoever imports the module

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(build, on_listening, on_ready, on_draining))


async def _run(
    build: Callable[[], Gateway],
    on_listening: Callable[[Listening], None],
    on_ready: Callable[[int], None],
    on_draining: Callable[[], None],
) -> None:
    loop = asyncio.get_running_loop()
    signals = 0
    first, second = asyncio.Event(), asyncio.Event()

    def signalled() -> None:
        nonlocal signals
        signals += 1
        (first if signals == 1 else second).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled)
    gateway = build()
    loop.add_signal_handler(signal.SIGHUP, gateway.reload)
    try:
        on_listening(await gateway.start())
        keep_what_is_alive()
        reuse_large_blocks()
        ready = asyncio.create_task(gateway.until_ready())
        ready.add_done_callback(lambda task: None if task.cancelled() else on_ready(task.result()))
        await first.wait()
        ready.cancel()
        on_draining()
        draining = asyncio.create_task(gateway.drain())
        impatience = asyncio.create_task(second.wait())
        await asyncio.wait({draining, impatience}, return_when=asyncio.FIRST_COMPLETED)
        for task in (draining, impatience):
            task.cancel()
        await asyncio.gather(draining, impatience, return_exceptions=True)
    finally:
        await gateway.close()
