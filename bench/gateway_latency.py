"""What the gateway adds to a call of the model server: gRPC, a JPEG of 100 kB, half of the load that the server takes.

    python bench/gateway_latency.py [--seconds 20] [--rounds 5] [--slots 4] [--milliseconds 20]

The model server's capacity is known: 4 requests at once, 20 ms each, which is a MobileNet. Requests arrive at random
times at half of that rate and take three ways in turn: directly, through `darkroom serve` as it comes, and through a
proxy in Python's grpc.aio that does nothing but hand bytes on, which is what a hop costs before any work is done. So
all three meet the same load and the same neighbours. What is added is the difference of the percentiles in each round;
the table has the median of the rounds. Writes bench/results/gateway_latency.json.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc.aio
import numpy as np
import uvloop
from support.gateway_load import ServedGateway, jpeg
from support.results import ROOT, write_results

from serving.protos import predict_pb2, types_pb2

MOST_ADDED_MS = {"p50": 1.0, "p99": 5.0}
_WAYS = ("direct", "bare proxy", "gateway")
_PERCENTILES = {"p50": 50, "p90": 90, "p99": 99}


@contextmanager
def started(module: str, *arguments: str) -> Iterator[str]:
    """A process that prints its port; its address."""
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield f"127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(30)


def request() -> bytes:
    """A Predict request with one image."""
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name = "pets"
    tensor = asked.inputs["image_bytes"]
    tensor.dtype = types_pb2.DT_STRING
    tensor.tensor_shape.dim.add(size=1)
    tensor.string_val.append(jpeg())
    return asked.SerializeToString()


async def one_round(calls: dict[str, Any], message: bytes, rate: float, seconds: float) -> dict[str, list[float]]:
    """Milliseconds of each way's calls."""
    taken: dict[str, list[float]] = {way: [] for way in calls}

    async def ask(way: str) -> None:
        began = time.perf_counter()
        await calls[way](message, timeout=10)
        taken[way].append((time.perf_counter() - began) * 1000)

    arrivals = random.Random(0)
    start, at, requests = time.monotonic(), 0.0, []
    while at < seconds:
        await asyncio.sleep(max(0.0, start + at - time.monotonic()))
        requests.append(asyncio.create_task(ask(_WAYS[len(requests) % len(_WAYS)])))
        at += arrivals.expovariate(rate)
    await asyncio.gather(*requests)
    return taken


async def measure(addresses: dict[str, str], rate: float, seconds: float, rounds: int) -> list[dict[str, Any]]:
    message = request()
    channels = {way: grpc.aio.insecure_channel(address) for way, address in addresses.items()}
    calls = {
        way: channel.unary_unary("/tensorflow.serving.PredictionService/Predict") for way, channel in channels.items()
    }
    await one_round(calls, message, rate, min(3.0, seconds))
    found = []
    for _ in range(rounds):
        taken = await one_round(calls, message, rate, seconds)
        found.append(
            {
                way: {name: float(np.percentile(taken[way], rank)) for name, rank in _PERCENTILES.items()}
                for way in _WAYS
            }
        )
    for channel in channels.values():
        await channel.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures what the gateway adds to a call.")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--milliseconds", type=float, default=20.0)
    options = parser.parse_args()
    rate = 0.5 * options.slots / (options.milliseconds / 1000)
    with ExitStack() as stack:
        server = stack.enter_context(
            started(
                "bench.support.fixed_server",
                *("--slots", str(options.slots), "--milliseconds", str(options.milliseconds)),
            )
        )
        proxy = stack.enter_context(started("bench.support.bare_proxy", server))
        gateway = stack.enter_context(ServedGateway("--backend", server, "--model-name", "pets"))
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        addresses = {"direct": server, "bare proxy": proxy, "gateway": f"127.0.0.1:{gateway.grpc_port}"}
        rounds = runner.run(measure(addresses, rate, options.seconds, options.rounds))
    rows = {
        way: {name: statistics.median(found[way][name] for found in rounds) for name in _PERCENTILES} for way in _WAYS
    }
    added = {
        way: {
            name: statistics.median(found[way][name] - found["direct"][name] for found in rounds) for name in rows[way]
        }
        for way in _WAYS[1:]
    }
    print(f"{rate:.0f} requests/s, {options.rounds} rounds of {options.seconds:g} s; milliseconds")
    print(
        f"{'':12}"
        + "".join(f"{name:>9}" for name in _PERCENTILES)
        + "".join(f"{'+' + name:>9}" for name in _PERCENTILES)
    )
    for way in _WAYS:
        more = "".join(f"{added[way][name]:9.2f}" for name in _PERCENTILES) if way in added else ""
        print(f"{way:12}" + "".join(f"{rows[way][name]:9.2f}" for name in _PERCENTILES) + more)
    missed = [name for name, most in MOST_ADDED_MS.items() if added["gateway"][name] > most]
    for name, most in MOST_ADDED_MS.items():
        print(f"the gateway adds {added['gateway'][name]:.2f} ms to the {name} (at most {most:g})")
    write_results(
        "gateway_latency",
        {**vars(options), "requests_per_second": rate, "median": rows, "added": added, "rounds": rounds},
    )
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
