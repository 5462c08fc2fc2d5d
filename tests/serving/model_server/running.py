"""A model server in a thread of the test process, with real clients."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx

from serving.model_server.server import ModelServer
from serving.model_server.settings import ModelServerSettings, ModelSettings
from serving.protos import model_service_pb2_grpc, prediction_service_pb2_grpc

WAIT_SECONDS = 60


def wait_until(condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Return when the condition holds; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)


def push(source: Path, base: Path, version: int) -> None:
    """Copy a model beside its place, then rename, as the pipeline pushes."""
    base.mkdir(parents=True, exist_ok=True)
    beside = base / f"_{version}.tmp"
    shutil.copytree(source, beside)
    beside.rename(base / str(version))


class RunningServer:
    """Use as a context manager. Ports are free ones on 127.0.0.1."""

    def __init__(self, *models: ModelSettings, runtime: Any = None, **settings: Any) -> None:
        self.settings = ModelServerSettings(
            models=models, port=0, rest_port=0, **{"poll_seconds": 0.05, "drain_seconds": 10.0, **settings}
        )
        self._runtime = runtime
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def call(self, coroutine: Any, seconds: float = WAIT_SECONDS) -> Any:
        """Run a coroutine on the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds)

    def __enter__(self) -> RunningServer:
        self._thread.start()
        self.server = self.call(self._start())
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.ports.grpc_port}")
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.ports.rest_port}", timeout=WAIT_SECONDS)
        return self

    async def _start(self) -> ModelServer:
        server = ModelServer(self.settings, self._runtime)
        self.ports = await server.start()
        return server

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self.channel.close()
        self.http.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_SECONDS)

    def stop(self) -> None:
        """Drain and stop; harmless when repeated."""
        self.call(self.server.stop())

    def states(self, model: str) -> dict[int, str]:
        """Version to state, over REST."""
        answer = self.http.get(f"/v1/models/{model}")
        if answer.status_code == 404:
            return {}
        return {int(item["version"]): item["state"] for item in answer.json()["model_version_status"]}

    def wait_available(self, model: str, version: int = 1) -> None:
        """Return when the version answers requests."""
        wait_until(lambda: self.states(model).get(version) == "AVAILABLE")
