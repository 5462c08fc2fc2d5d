"""The embedded model server: started as a child process, watched, restarted when it dies, stopped at the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from serving.gateway.embedded_models import POLL_SECONDS, EmbeddedModels
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.tracing.settings import TracingSettings

_LOG = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
# A child that has lived this long was healthy: its death starts the back-off from the beginning.
_HEALTHY_SECONDS = 30.0
# From exec to listening is TensorFlow's import; models load afterwards. On a cold, busy disk that is a minute.
_START_SECONDS = 180.0
_STOP_SECONDS = 10.0


def model_server_command(
    model_name: str,
    model_base_path: Path,
    models: EmbeddedModels | None = None,
    tracing: TracingSettings | None = None,
) -> list[str]:
    """The command of a model server that serves one model on free ports and dies with its parent.

    Args:
        model_name: what clients call it.
        model_base_path: the folder with the version folders, whose newest is served, or
        models: says which versions are.
        tracing: of the gateway; the model server's spans go to the same collector.
    """
    which = (
        ("--model-config-file", str(models.path), "--model-config-file-poll-wait-seconds", str(POLL_SECONDS))
        if models is not None
        else ("--model-name", model_name, "--model-base-path", str(model_base_path))
    )
    spans: tuple[str, ...] = ()
    if tracing is not None and tracing.otlp_endpoint is not None:
        spans = ("--tracing-otlp-endpoint", tracing.otlp_endpoint, "--tracing-sample-rate", str(tracing.sample_rate))
    return [
        *(sys.executable, "-m", "darkroom.cli", "model-server"),
        *which,
        *("--port", "0", "--rest-api-port", "0"),
        *spans,
        "--exit-with-parent",
    ]


class ModelServerSupervisor:
    """Keeps one model server running.

    Attributes:
        pid: of the child that runs now; None between two.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        on_addresses: Callable[[Iterable[str]], None],
        metrics: GatewayMetrics,
        log_path: Path | None = None,
    ) -> None:
        """Nothing runs yet.

        Args:
            command: what to run; prints `{"event": "listening", "grpc_port": …}` to its standard output.
            on_addresses: is told the child's gRPC address when it listens, and of no address when it has died.
            metrics: counts restarts.
            log_path: where the child's standard error goes; without it, to this process's.
        """
        self._command = list(command)
        self._on_addresses = on_addresses
        self._metrics = metrics
        self._log_path = log_path
        self._running: asyncio.Task[None] | None = None
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the child in the running loop and keep it going until `stop`."""
        self._running = asyncio.create_task(self._keep_running(), name="model-server-supervisor")

    async def stop(self) -> None:
        """Stop the child: SIGTERM, and SIGKILL when that isn't obeyed in time."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
            self._running = None

    async def _keep_running(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            started = time.monotonic()
            try:
                how = await self._run_once()
            except OSError as error:
                how = f"could not be started: {error}"
            if time.monotonic() - started > _HEALTHY_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            _LOG.error("The model server %s; starting it again in %.1f s", how, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            self._metrics.model_server_restarted()

    async def _run_once(self) -> str:
        """Run the child until it ends; returns how it ended, for people."""
        log = self._log_path.open("ab") if self._log_path is not None else None
        try:
            # A session of its own: Ctrl-C in a terminal reaches the gateway only, which finishes its requests first.
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=DEVNULL, stdout=PIPE, stderr=log, start_new_session=True
            )
        finally:
            if log is not None:
                log.close()
        self._process = process
        try:
            _LOG.info("The model server starts as process %d", process.pid)
            try:
                async with asyncio.timeout(_START_SECONDS):
                    listening = await _until_listening(process)
            except TimeoutError:
                return f"did not listen within {_START_SECONDS:.0f} s"
            if listening is None:
                return f"ended before it listened, with exit code {await process.wait()}"
            address = f"127.0.0.1:{listening['grpc_port']}"
            _LOG.info("The model server listens on %s", address)
            self._on_addresses([address])
            await _drain_output(process)
            return f"ended with exit code {await process.wait()}"
        finally:
            self._on_addresses([])
            await _end(process)
            self._process = None


async def _until_listening(process: Process) -> dict[str, Any] | None:
    """The child's announcement; None when it ends without one."""
    if process.stdout is None:
        raise RuntimeError("the model server's standard output is not a pipe")
    while line := await process.stdout.readline():
        try:
            event = json.loads(line)
        except ValueError:
            _LOG.info("The model server says: %s", line.decode(errors="replace").rstrip()[:500])
            continue
        if isinstance(event, dict) and event.get("event") == "listening" and event.get("grpc_port"):
            return event
    return None


async def _drain_output(process: Process) -> None:
    """Read the child's output until it ends, so that it never blocks on a full pipe."""
    if process.stdout is not None:
        while await process.stdout.read(65_536):
            pass


async def _end(process: Process) -> None:
    """Make sure that the child has gone."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        _LOG.warning("The model server did not stop in %.0f s and is killed", _STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
