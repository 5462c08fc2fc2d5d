"""How much faster two worker processes ingest than one, on Beam's multi-process runner.

    python bench/ingestion_workers.py [--few N] [--many N] [--rounds N]

JPEGs of 640x480, each another. Workers take seconds to start (they import TensorFlow), whatever they then do; so each
number of workers ingests few images and many, and what the further ones cost is compared: the quickest of some rounds
of each, as starts differ by more than a second. Each ingestion is a process of its own.

The images are read once before each ingestion. Otherwise whichever comes first, or after the system took its cache
back, waits for the disk, which two workers share; and the bench would measure that.

CPU seconds, of all processes of an ingestion, tell whether workers disturb each other: they stay the same for each
image where they do not, also on a machine that is busy, and the time on the clock then only lacks free cores.

Writes bench/results/ingestion_workers.json; exit code 1 when two workers are not 1.6 times as fast.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from ingestion import subject, write_photos, write_small
from support.results import print_table, write_results

MIN_GAIN = 1.6
WORKERS = (1, 2)


def main() -> int:
    """Exit code 1 when the bound is not kept."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--few", type=int, default=500)
    parser.add_argument("--many", type=int, default=6500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found: dict[tuple[int, int], list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in (options.few, options.many):
            write_photos(folder / str(count) / "photos", count)
            # Other classes.
            write_small(folder / str(count), 0, 2)
        for number in range(options.rounds):
            for workers in WORKERS:
                for count in (options.few, options.many):
                    with tempfile.TemporaryDirectory(dir=folder) as out:
                        found.setdefault((workers, count), []).append(_ingest(folder / str(count), out, workers))
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)

    def further(key: str, workers: int) -> float:
        """What each further image costs, in milliseconds."""
        few, many = (min(one[key] for one in found[workers, count]) for count in (options.few, options.many))
        return float(many - few) / (options.many - options.few) * 1000

    clock = {workers: further("seconds", workers) for workers in WORKERS}
    cpu = {workers: further("cpu_seconds", workers) for workers in WORKERS}
    gain = clock[1] / clock[2]
    print_table(
        {
            "images/s of one worker": 1000 / clock[1],
            "images/s of two workers": 1000 / clock[2],
            "times": gain,
            "CPU ms for each image, one worker": cpu[1],
            "CPU ms for each image, two workers": cpu[2],
            f"seconds for {options.many:,}, one": min(one["seconds"] for one in found[1, options.many]),
            f"seconds for {options.many:,}, two": min(one["seconds"] for one in found[2, options.many]),
            "cores here": os.cpu_count(),
        },
        {"times": f"at least {MIN_GAIN}"},
    )
    runs = {f"{workers} x {count}": each for (workers, count), each in found.items()}
    write_results("ingestion_workers", {"runs": runs, "clock_ms": clock, "cpu_ms": cpu, "gain": gain})
    return 0 if gain >= MIN_GAIN else 1


def _ingest(images: Path, out: str, workers: int) -> dict[str, Any]:
    for path in images.rglob("*.*"):
        path.read_bytes()
    beam = ("--direct_running_mode=multi_processing", f"--direct_num_workers={workers}")
    return subject("ingest", images=str(images), out=out, beam=beam, near_duplicates=None)


if __name__ == "__main__":
    sys.exit(main())
