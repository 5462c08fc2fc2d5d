"""How much faster two worker processes ingest than one, on Beam's multi-process runner.

    python bench/ingestion_workers.py [--few N] [--many N]

JPEGs of 640x480, each another. Workers take seconds to start (they import TensorFlow), whatever they then do; so each
number of workers ingests few images and many, and what the further ones cost is compared. Each ingestion is a process
of its own. Writes bench/results/ingestion_workers.json; exit code 1 when two workers are not 1.6 times as fast.
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


def main() -> int:
    """Exit code 1 when the bound is not kept."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--few", type=int, default=500)
    parser.add_argument("--many", type=int, default=6500)
    options = parser.parse_args()
    seconds: dict[str, dict[int, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in (options.few, options.many):
            write_photos(folder / str(count) / "photos", count)
            # Other classes.
            write_small(folder / str(count), 0, 2)
        for workers in (1, 2):
            for count in (options.few, options.many):
                out = str(folder / f"{workers}-{count}")
                found = _ingest(folder / str(count), out, workers)
                seconds.setdefault(str(workers), {})[count] = found["seconds"]
    further = options.many - options.few
    speeds = {workers: further / (each[options.many] - each[options.few]) for workers, each in seconds.items()}
    gain = speeds["2"] / speeds["1"]
    print_table(
        {
            "images/s of one worker": speeds["1"],
            "images/s of two workers": speeds["2"],
            "times": gain,
            f"seconds for {options.many:,}, one": seconds["1"][options.many],
            f"seconds for {options.many:,}, two": seconds["2"][options.many],
            "cores here": os.cpu_count(),
        },
        {"times": f"at least {MIN_GAIN}"},
    )
    write_results("ingestion_workers", {"seconds": seconds, "speeds": speeds, "gain": gain})
    return 0 if gain >= MIN_GAIN else 1


def _ingest(images: Path, out: str, workers: int) -> dict[str, Any]:
    beam = ("--runner=DirectRunner", "--direct_running_mode=multi_processing", f"--direct_num_workers={workers}")
    return subject("ingest", images=str(images), out=out, beam=beam, near_duplicates=None)


if __name__ == "__main__":
    sys.exit(main())
