"""Whether the gateway's memory stays flat over 200,000 requests.

    python bench/gateway_memory.py [--requests 200000]

`darkroom serve` as it comes, in front of a model server that answers at once. Three of four requests are small JPEGs,
the others JPEGs of 100 kB, images that are cut off, and bodies that are none. Prints the resident size at ten moments;
writes bench/results/gateway_memory.json. The first half is for warming up: connections, buffers and caches of bounded
size fill. What grows in the second half is a leak.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import uvloop
from support.gateway_load import Connections, ServedGateway, jpeg
from support.results import ROOT, write_results

MOST_GROWTH = 4.0
MOMENTS = 10
CLIENTS = 16


def resident_megabytes(pid: int) -> float:
    """Of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


async def client(turns: Iterator[Connections], statuses: Counter[int]) -> None:
    """One request after the other."""
    for connections in turns:
        statuses[(await connections.ask()).status] += 1


async def send(gateway: ServedGateway, requests: int) -> tuple[list[float], Counter[int]]:
    """The resident size after each tenth of the requests, and how often each status was answered."""
    small, large = jpeg((64, 48)), jpeg()
    kinds = [small] * 9 + [large, large[:-20_000], b"no image" * 100]
    connections = [Connections(gateway.port, body) for body in kinds]
    turns, sizes, statuses = itertools.cycle(connections), [], Counter[int]()
    for _ in range(MOMENTS):
        await asyncio.gather(
            *(client(itertools.islice(turns, requests // MOMENTS // CLIENTS), statuses) for _ in range(CLIENTS))
        )
        sizes.append(resident_megabytes(gateway.process.pid))
        print(f"{len(sizes) * requests // MOMENTS:9,} requests  {sizes[-1]:6.1f} MB", flush=True)
    for each in connections:
        each.close()
    return sizes, statuses


def main() -> int:
    """Exit code 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description="Measures the gateway's memory.")
    parser.add_argument("--requests", type=int, default=200_000)
    options = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.support.fixed_server", "--slots", "64", "--milliseconds", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert server.stdout is not None
        address = f"127.0.0.1:{int(server.stdout.readline())}"
        with (
            ServedGateway("--backend", address, "--model-name", "pets") as gateway,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            sizes, statuses = runner.run(send(gateway, options.requests))
    finally:
        server.terminate()
        server.wait(30)
    growth = sizes[-1] - sizes[MOMENTS // 2 - 1]
    print(f"largest: {max(sizes):.1f} MB; growth in the second half: {growth:.1f} MB (at most {MOST_GROWTH:g})")
    print(f"statuses: {dict(statuses)}")
    write_results(
        "gateway_memory",
        {"requests": options.requests, "megabytes": sizes, "growth": growth, "statuses": dict(statuses)},
    )
    return 1 if growth > MOST_GROWTH or set(statuses) - {200, 400} else 0


if __name__ == "__main__":
    sys.exit(main())
