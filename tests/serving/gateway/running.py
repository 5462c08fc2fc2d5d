"""A gateway inside the test process, with its event loop in a thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from serving.gateway.configuration_reload import ConfigurationSource
from serving.gateway.server import Gateway
from serving.gateway.settings import GatewaySettings


class RunningGateway:
    """What a test needs of a gateway that runs."""

    def __init__(self, gateway: Gateway, loop: asyncio.AbstractEventLoop, rest_port: int, grpc_port: int) -> None:
        self.gateway = gateway
        self.loop = loop
        self.url = f"http://127.0.0.1:{rest_port}"
        self.rest_port = rest_port
        self.grpc = f"127.0.0.1:{grpc_port}"

    def run(self, coroutine: Any, seconds: float = 20) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)

    def post(self, content: Any, query: str = "", content_type: str = "image/png", **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(
            f"{self.url}/v1/models/pets:predict{query}",
            content=content,
            headers={"content-type": content_type, **names},
            timeout=20,
            verify=False,  # reading the system's certificates for plain HTTP is most of a request's time
        )

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=10, verify=False)


@contextmanager
def running_gateway(
    *backends: str,
    wait_ready: bool = True,
    model_server_command: list[str] | None = None,
    configuration: ConfigurationSource | None = None,
    **settings: Any,
) -> Iterator[RunningGateway]:
    """A gateway for model `pets` in front of `backends`."""
    options = {"status_poll_seconds": 0.1, "log": {"requests": "none"}, **settings}
    configured = GatewaySettings(rest_port=0, grpc_port=0, backends=backends, **options)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> RunningGateway:
        gateway = Gateway(configured, "pets", model_server_command=model_server_command, configuration=configuration)
        where = await gateway.start()
        return RunningGateway(gateway, loop, where.rest_port, where.grpc_port)

    running = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    try:
        if wait_ready:
            running.run(running.gateway.until_ready())
        yield running
    finally:
        running.run(running.gateway.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def eventually(check: Any, seconds: float = 10.0) -> None:
    """Wait until `check()` holds."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)
