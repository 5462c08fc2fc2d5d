"""Good requests while 10,000 other connections are open: idle ones, half a head, bodies that never come.

    python bench/many_connections.py [--connections 10000] [--requests 300]

The gateway is `darkroom serve` as it comes, but for the time that heads and bodies may take, in front of a model server
of known capacity. The connections are opened first and held; then requests are sent one after the other, each on a
connection of its own. At the end the gateway must have closed all the slow ones by itself. Prints a table and writes
bench/results/many_connections.json.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from gateway_latency import started
from support.gateway_load import Connections, ServedGateway, jpeg
from support.results import write_results

PATIENCE_SECONDS = 30.0
_HEAD = b"POST /v1/models/pets:predict HTTP/1.1\r\nHost: bench\r\nContent-Type: image/jpeg\r\n"
_KINDS = {
    "idle": b"",
    "half a head": _HEAD[:40],
    "no body": _HEAD + b"Content-Length: 1000\r\n\r\n",
    "half a body": _HEAD + b"Content-Length: 1000\r\n\r\n" + b"\xff\xd8" * 250,
}


class _Held(asyncio.Protocol):
    """A connection that sends one thing and waits for its end."""

    def __init__(self, sent: bytes, closed: Counter[str]) -> None:
        self._sent = sent
        self._closed = closed
        self._answer = b"closed"

    def connection_made(self, transport: Any) -> None:
        transport.write(self._sent)

    def data_received(self, data: bytes) -> None:
        if self._answer == b"closed":
            self._answer = data[9:12]

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed[self._answer.decode() if exc is None else "reset"] += 1


async def measure(gateway: ServedGateway, connections: int, requests: int) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    closed: Counter[str] = Counter()
    kinds = list(_KINDS.values())
    before = gateway.resident_mb()
    began = time.monotonic()
    for first in range(0, connections, 500):
        await asyncio.gather(
            *(
                loop.create_connection(lambda n=n: _Held(kinds[n % len(kinds)], closed), "127.0.0.1", gateway.port)
                for n in range(first, min(first + 500, connections))
            )
        )
    opened = time.monotonic() - began
    asking = Connections(gateway.port, jpeg())
    outcomes = [await asking.ask() for _ in range(requests)]
    asking.close()
    held = connections - sum(closed.values())
    during = gateway.resident_mb()
    while sum(closed.values()) < connections and time.monotonic() - began < 4 * PATIENCE_SECONDS:
        await asyncio.sleep(0.2)
    taken = [outcome.seconds * 1000 for outcome in outcomes]
    return {
        "connections": connections,
        "seconds_to_open": opened,
        "held_during_requests": held,
        "statuses": dict(Counter(outcome.status for outcome in outcomes)),
        "p50_ms": float(np.percentile(taken, 50)),
        "p99_ms": float(np.percentile(taken, 99)),
        "closed_by_gateway": dict(closed),
        "mb_before": before,
        "mb_during": during,
        "mb_after": gateway.resident_mb(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Asks a gateway that has many connections open.")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=300)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The gateway is started with the soft limit as it is, and lifts its own.
    if hard < options.connections + 300:
        print(f"This machine allows {hard} open files; {options.connections} connections need more.", file=sys.stderr)
        return 2
    with (
        started("bench.support.fixed_server", "--slots", "4", "--milliseconds", "20") as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        configuration = Path(folder) / "darkroom.yaml"
        configuration.write_text(
            f"serving:\n  backends: ['{server}']\n  model_name: pets\n  head_timeout_seconds: {PATIENCE_SECONDS}\n"
            f"  body_timeout_seconds: {PATIENCE_SECONDS}\n"
        )
        with ServedGateway("--config", str(configuration)) as gateway:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            found = uvloop.run(measure(gateway, options.connections, options.requests))
    for name, value in found.items():
        print(f"{name:22} {value:.1f}" if isinstance(value, float) else f"{name:22} {value}")
    write_results("many_connections", found)
    good = found["statuses"] == {200: options.requests}
    return 0 if good and sum(found["closed_by_gateway"].values()) == options.connections else 1


if __name__ == "__main__":
    raise SystemExit(main())
