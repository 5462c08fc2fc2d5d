"""What clients see when a new version of the model is pushed while they ask.

    python bench/version_pushed.py [--rate 40] [--versions 3]

`darkroom serve` on a tiny model gets requests at random times. Every few seconds the next version appears in the
repository, whole at once as pushes do; the old one is unloaded when the new one is there. No request may fail. Prints a
table and writes bench/results/version_pushed.json.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import uvloop
from support.gateway_load import Connections, Outcome, ServedGateway, jpeg, make_repository, open_loop, summary
from support.results import print_table, write_results

# A version loads within seconds, on a busy machine too.
LONGEST_SECONDS = 60.0


async def measure(gateway: ServedGateway, repository: Path, rate: float, versions: int) -> tuple[list[Outcome], Any]:
    """Outcomes, and the seconds from each push to its first answer."""
    connections = Connections(gateway.port, jpeg((224, 224)))
    outcomes = await open_loop(connections, rate, 2.0)
    delays = []
    for version in range(2, versions + 2):
        staged = repository / f"staged-{version}"
        await asyncio.to_thread(shutil.copytree, repository / "pets" / "1", staged)
        staged.rename(repository / "pets" / str(version))
        pushed = time.monotonic()
        while time.monotonic() - pushed < LONGEST_SECONDS:
            outcomes += await open_loop(connections, rate, 1.0)
            if outcomes[-1].version == str(version):
                break
        answers = [outcome.sent - pushed for outcome in outcomes if outcome.version == str(version)]
        delays.append(min(answers, default=LONGEST_SECONDS))
        outcomes += await open_loop(connections, rate, 2.0)  # while the old version is unloaded
    connections.close()
    return outcomes, delays


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures what a push costs.")
    parser.add_argument("--rate", type=float, default=40.0, help="requests a second")
    parser.add_argument("--versions", type=int, default=3, help="new versions")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        repository = make_repository(Path(name))
        log = ("--model-server-log", str(repository / "log"), "--model-name", "pets")
        with (
            ServedGateway(str(repository), *log) as gateway,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
        ):
            outcomes, delays = loop.run(measure(gateway, repository, options.rate, options.versions))
    found = {
        "requests": len(outcomes),
        "failed_requests": sum(outcome.status != 200 for outcome in outcomes),
        "statuses": summary(outcomes, 1.0)["statuses"],
        "versions": dict(sorted(Counter(outcome.version for outcome in outcomes).items())),
        "p99_ms": summary(outcomes, 1.0)["p99_ms"],
        "seconds_from_push_to_answer": [round(delay, 2) for delay in delays],
    }
    print_table(found, {"failed_requests": "0"})
    write_results("version_pushed", {**found, "rate": options.rate})
    return 1 if found["failed_requests"] or max(delays) >= LONGEST_SECONDS else 0


if __name__ == "__main__":
    raise SystemExit(main())
