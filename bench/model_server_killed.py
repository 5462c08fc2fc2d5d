"""What clients see when the embedded model server is killed while they ask.

    python bench/model_server_killed.py [--rate 10] [--kills 2]

`darkroom serve` on a tiny model gets requests at random times, each with a deadline of 5 s. Some seconds in, the model
server gets SIGKILL. Every request must be answered 200 or 503 within its deadline, and the service must come back by
itself. Prints a table and writes bench/results/model_server_killed.json.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop
from support.gateway_load import Connections, Outcome, ServedGateway, jpeg, make_repository, open_loop, summary
from support.results import print_table, write_results

DEADLINE_MS = 5000
# The deadline is the gateway's; the way back to a busy client takes a little more.
SLACK_SECONDS = 0.5


async def measure(gateway: ServedGateway, rate: float, seconds: float) -> tuple[list[Outcome], float]:
    """Outcomes, and when the kill was."""
    connections = Connections(gateway.port, jpeg((224, 224)), deadline_ms=DEADLINE_MS)
    await open_loop(connections, rate, 1.0)
    (child,) = gateway.children()
    killed: list[float] = []

    def kill() -> None:
        killed.append(time.monotonic())
        os.kill(child, signal.SIGKILL)

    asyncio.get_running_loop().call_later(2.0, kill)
    outcomes = await open_loop(connections, rate, seconds)
    for _ in range(100):
        if any(outcome.status == 200 and outcome.sent > killed[0] for outcome in outcomes):
            break
        outcomes += await open_loop(connections, rate, 1.0)  # the machine is slow; go on until it is back
    connections.close()
    return outcomes, killed[0]


def judge(outcomes: list[Outcome], killed: float) -> dict[str, Any]:
    wrong = [outcome for outcome in outcomes if outcome.status not in (200, 503)]
    late = [outcome for outcome in outcomes if outcome.seconds > DEADLINE_MS / 1000 + SLACK_SECONDS]
    failed = [outcome.sent for outcome in outcomes if outcome.status != 200 and outcome.sent >= killed]
    down = (max(failed) - killed) if failed else 0.0
    return {
        "requests": len(outcomes),
        "statuses": summary(outcomes, 1.0)["statuses"],
        "neither_200_nor_503": len(wrong),
        "later_than_their_deadline": len(late),
        "slowest_seconds": max(outcome.seconds for outcome in outcomes),
        "seconds_without_service": down,
        "back_by_itself": any(outcome.status == 200 and outcome.sent > killed + down for outcome in outcomes),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures what a killed model server costs.")
    parser.add_argument("--rate", type=float, default=10.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--kills", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        repository = make_repository(Path(name))
        runs = []
        log = ("--model-server-log", str(repository / "log"))
        with (
            ServedGateway(str(repository), *log) as gateway,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            for number in range(options.kills):
                runs.append(judge(*runner.run(measure(gateway, options.rate, options.seconds))))
                print_table({"kill": number + 1, **runs[-1]}, {"neither_200_nor_503": "0", "back_by_itself": "True"})
    write_results("model_server_killed", {"runs": runs, "rate": options.rate, "deadline_ms": DEADLINE_MS})
    good = all(
        not run["neither_200_nor_503"] and not run["later_than_their_deadline"] and run["back_by_itself"]
        for run in runs
    )
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
