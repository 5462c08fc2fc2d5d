"""A gateway in a process of its own, and load on it over REST."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from PIL import Image

from support.results import ROOT


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: its HTTP status (0 for a connection that broke), when it was sent, how long it took, the version."""

    status: int
    sent: float
    seconds: float
    version: str


class ServedGateway:
    """`darkroom serve`; ends with the block."""

    def __init__(self, *arguments: str, cwd: Path = ROOT) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "darkroom.cli", "serve", "--rest-port", "0", "--grpc-port", "0"),
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=cwd,
        )
        assert self.process.stdout is not None
        listening = json.loads(self.process.stdout.readline())
        self.port, self.grpc_port = listening["rest_port"], listening["grpc_port"]
        self.ready = json.loads(self.process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def cpu_seconds(self) -> float:
        """What its process has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Its process's memory now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def children(self) -> list[int]:
        """Process ids: the embedded model server's."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return [int(number) for task in tasks for number in (task / "children").read_text().split()]


class Connections:
    """Keep-alive HTTP/1.1 connections with one request each at a time, cheap enough to measure the gateway."""

    def __init__(self, port: int, body: bytes, *, model: str = "pets", deadline_ms: int = 10_000) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._request = (
            f"POST /v1/models/{model}:predict HTTP/1.1\r\nHost: bench\r\nContent-Type: image/jpeg\r\n"
            f"x-deadline-ms: {deadline_ms}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    async def ask(self) -> Outcome:
        """Send one request."""
        sent = time.monotonic()
        try:
            status, version = await self._exchange()
        except (OSError, EOFError, ValueError):
            status, version = 0, ""
        return Outcome(status, sent, time.monotonic() - sent, version)

    async def _exchange(self) -> tuple[int, str]:
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(self._request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            document = json.loads(await reader.readexactly(length))
        except BaseException:
            writer.close()
            raise
        if "connection: close" in head:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(head.split(" ", 2)[1]), document.get("model", {}).get("version", "")

    def close(self) -> None:
        """Drop the connections."""
        for _, writer in self._idle:
            writer.close()


async def closed_loop(connections: Connections, clients: int, seconds: float) -> list[Outcome]:
    """Each client sends its next request when the last is answered."""
    end = time.monotonic() + seconds
    outcomes: list[Outcome] = []

    async def client() -> None:
        while time.monotonic() < end:
            outcomes.append(await connections.ask())

    await asyncio.gather(*(client() for _ in range(clients)))
    return outcomes


async def open_loop(connections: Connections, rate: float, seconds: float) -> list[Outcome]:
    """Requests arrive at random times, `rate` a second, whatever becomes of the others."""
    start = time.monotonic()
    arrivals = random.Random(0)
    at = 0.0
    requests: list[asyncio.Task[Outcome]] = []
    while at < seconds:
        await asyncio.sleep(max(0.0, start + at - time.monotonic()))
        requests.append(asyncio.create_task(connections.ask()))
        at += arrivals.expovariate(rate)
    return await asyncio.gather(*requests)


def summary(outcomes: list[Outcome], seconds: float) -> dict[str, Any]:
    """Rates, and latencies of the good answers in milliseconds."""
    good = sorted(outcome.seconds * 1000 for outcome in outcomes if outcome.status == 200)
    statuses = Counter(outcome.status for outcome in outcomes)
    return {
        "offered_per_second": len(outcomes) / seconds,
        "good_per_second": len(good) / seconds,
        "p50_ms": float(np.percentile(good, 50)) if good else 0.0,
        "p99_ms": float(np.percentile(good, 99)) if good else 0.0,
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
    }


def jpeg(size: tuple[int, int] = (640, 427)) -> bytes:
    """A picture of about 100 kB."""
    data = io.BytesIO()
    Image.effect_noise(size, 40).convert("RGB").save(data, "JPEG", quality=75)
    return data.getvalue()


def make_repository(folder: Path) -> Path:
    """A model repository with a tiny model, pets/1, made in a process of its own."""
    print("Making a tiny model …", file=sys.stderr)
    subprocess.run(
        [sys.executable, "-m", "tests.serving.models", "darkroom", str(folder / "pets" / "1")],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    return folder
