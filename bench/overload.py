"""What the gateway does with twice the load that its model server can take.

    python bench/overload.py [--seconds 10] [--slots 4] [--milliseconds 100]

The model server's capacity is known: it works on 4 requests at once, 100 ms each, which is a ResNet50 on a few cores.
In front of it is `darkroom serve` as it comes. First as many clients as the gateway takes requests at once keep it
busy: that is the capacity. Then JPEGs of 100 kB arrive at random times at twice that rate. Prints a table and writes
bench/results/overload.json.

    python bench/overload.py --own-core

The gateway's own core is the limit: the model server is fast, the gateway has one core to itself, and everything else
runs on the others. Writes bench/results/overload_own_core.json.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from typing import Any

import uvloop
from support.gateway_load import Connections, ServedGateway, closed_loop, jpeg, open_loop, summary
from support.results import ROOT, write_results

from serving.gateway.settings import GatewaySettings

LEAST_GOODPUT = 0.9
MOST_LATENCY = 2.0


async def measure(port: int, seconds: float) -> dict[str, Any]:
    connections = Connections(port, jpeg())
    clients = GatewaySettings().max_concurrent_requests
    await closed_loop(connections, clients, 1.0)
    at_capacity = summary(await closed_loop(connections, clients, seconds), seconds)
    rate = 2 * at_capacity["good_per_second"]
    overloaded = summary(await open_loop(connections, rate, seconds), seconds)
    connections.close()
    return {"clients": clients, "at_capacity": at_capacity, "at_twice_the_capacity": overloaded}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures the gateway under overload.")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--milliseconds", type=float, default=100.0)
    parser.add_argument("--own-core", action="store_true", help="Overload the gateway in place of the model server.")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if options.own_core:
        options.slots, options.milliseconds = 64, 1.0
        if len(cores) < 2:
            parser.error("--own-core needs two cores: one for the gateway, the others for what asks it")
        os.sched_setaffinity(0, cores[1:])  # children inherit it
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "bench.support.fixed_server"),
            *("--slots", str(options.slots), "--milliseconds", str(options.milliseconds)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert server.stdout is not None
        address = f"127.0.0.1:{int(server.stdout.readline())}"
        arguments = ("--backend", address, "--model-name", "pets")
        with ServedGateway(*arguments) as gateway, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            if options.own_core:
                for thread in os.listdir(f"/proc/{gateway.process.pid}/task"):
                    os.sched_setaffinity(int(thread), cores[:1])
            found = runner.run(measure(gateway.port, options.seconds))
    finally:
        server.terminate()
        server.wait(30)
    capacity, overloaded = found["at_capacity"], found["at_twice_the_capacity"]
    found["goodput"] = overloaded["good_per_second"] / capacity["good_per_second"]
    found["p99_ratio"] = overloaded["p99_ms"] / capacity["p99_ms"]
    found |= {"seconds": options.seconds, "slots": options.slots, "milliseconds": options.milliseconds}
    print(f"{'':22} {'offered/s':>10} {'good/s':>8} {'p50 ms':>8} {'p99 ms':>8}  statuses")
    for name in ("at_capacity", "at_twice_the_capacity"):
        row = found[name]
        print(
            f"{name.replace('_', ' '):22} {row['offered_per_second']:10.0f} {row['good_per_second']:8.0f} "
            f"{row['p50_ms']:8.1f} {row['p99_ms']:8.1f}  {row['statuses']}"
        )
    print(f"goodput at twice the capacity: {found['goodput']:.2f} of the capacity (at least {LEAST_GOODPUT:g})")
    print(f"p99 of what was accepted: {found['p99_ratio']:.2f} times that at capacity (at most {MOST_LATENCY:g})")
    write_results("overload_own_core" if options.own_core else "overload", found)
    return 1 if found["goodput"] < LEAST_GOODPUT or found["p99_ratio"] > MOST_LATENCY else 0


if __name__ == "__main__":
    raise SystemExit(main())
