"""An ASGI app behind uvicorn, inside an event loop that somebody else owns."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

# uvicorn notices `should_exit` on its next tick, ten times a second.
_TICK_SECONDS = 0.1


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process that owns the loop decides what SIGTERM means."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets=sockets)
        except SystemExit as error:  # uvicorn's way to say so; it would end the whole process
            raise RuntimeError("The app's lifespan failed during startup; the log says why") from error
        self.ready.set()


class HttpServer:
    """One HTTP listener for one app.

    Example:
        server = HttpServer(app, host="127.0.0.1", port=0)
        port = await server.start()
        ...
        await server.stop(grace_seconds=10)
    """

    def __init__(
        self,
        app: Any,
        *,
        host: str,
        port: int,
        backlog: int = 2048,
        keep_alive_seconds: int = 75,
        **uvicorn_options: Any,
    ) -> None:
        """Nothing is bound yet.

        Args:
            app: an ASGI app; its lifespan runs with the server.
            host: the address to bind, such as `127.0.0.1`, `0.0.0.0` or `::`.
            port: 0 takes a free one; `start` says which.
            backlog: connections that may wait to be accepted.
            keep_alive_seconds: how long an idle connection stays open; longer than the 60 s after which common load
                balancers drop theirs, so that the balancer closes first.
            uvicorn_options: further arguments of `uvicorn.Config`, such as `ssl_certfile`.
        """
        self._app = app
        self._host = host
        self._requested_port = port
        self._options: dict[str, Any] = {
            "lifespan": "auto",
            "log_config": None,
            "access_log": False,
            "server_header": False,
            "ws": "none",
            "backlog": backlog,
            "timeout_keep_alive": keep_alive_seconds,
            **uvicorn_options,
        }
        self._port: int | None = None
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The bound port.

        Raises:
            RuntimeError: the server was not started.
        """
        if self._port is None:
            raise RuntimeError("The HTTP server has no port before start()")
        return self._port

    async def start(self) -> int:
        """Bind, listen and serve in the running loop; returns the bound port.

        Raises:
            OSError: the address cannot be bound.
            RuntimeError: the app's lifespan refused to start.
        """
        listener = _bind(self._host, self._requested_port)
        try:
            server = _Server(uvicorn.Config(self._app, **self._options))
            serving = asyncio.create_task(server.serve(sockets=[listener]), name="http-server")
            ready = asyncio.create_task(server.ready.wait())
            await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                ready.cancel()
                await serving  # raises what stopped it
        except BaseException:
            listener.close()
            raise
        self._server, self._serving = server, serving
        self._port = listener.getsockname()[1]
        return self._port

    async def stop(self, grace_seconds: float = 10.0) -> None:
        """Stop accepting, let requests under way finish for `grace_seconds`, cancel the rest, and return."""
        if self._server is None or self._serving is None:
            return
        # uvicorn declares whole seconds and hands the value to asyncio, which takes any number.
        self._server.config.timeout_graceful_shutdown = max(grace_seconds, _TICK_SECONDS)  # type: ignore[assignment]
        self._server.should_exit = True
        await self._serving
        self._server = self._serving = None

    async def wait(self) -> None:
        """Return when the server has stopped; raises what stopped it."""
        if self._serving is not None:
            await asyncio.shield(self._serving)


def _bind(host: str, port: int) -> socket.socket:
    """A bound stream socket for an IPv4 or IPv6 address or a host name."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"Cannot listen on {host}:{port}: {error.strerror}") from error
    listener.setblocking(False)
    return listener
