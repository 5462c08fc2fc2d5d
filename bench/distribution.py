"""Two workers of one training against two trainings that know nothing of each other, on the same cores.

    python bench/distribution.py [--rounds N]

Each process trains on images made in memory, with one core to itself where there are two. The speed is that of the
steps in the time that all processes train, the first ones left out. A machine that others use changes its speed from
minute to minute, so each round measures both, one after the other, and the median round counts. Prints a table; writes
bench/results/distribution.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

from support.results import print_table, write_results

from pipeline.distribution.cluster import local_clusters
from pipeline.distribution.job import Job
from pipeline.distribution.processes import WorkerProcesses

PROCESSES = 2
MIN_SHARE = 0.8

# The small CNN has hardly any weights to exchange and short steps; MobileNetV2 has 2.3 million in 105 gradients.
SUBJECTS: dict[str, dict[str, Any]] = {
    "small_cnn": {"architecture": "small_cnn", "side": 32, "images_per_process": 64, "steps": 80},
    "MobileNetV2": {"architecture": "MobileNetV2", "side": 96, "images_per_process": 32, "steps": 20},
}

# Steps in which TensorFlow traces, and oneDNN picks its kernels.
_WARM_UP = 5


def main() -> int:
    """Exit code 1 when a limit is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    found: dict[str, Any] = {"processes": PROCESSES}
    limits, good = {}, True
    for name, subject in SUBJECTS.items():
        measured = []
        for number in range(1, rounds + 1):
            measured.append((independent(subject), workers(subject)))
            alone, together = measured[-1]
            print(f"{name} {number}/{rounds}: {alone:.1f} {together:.1f} images/s", file=sys.stderr, flush=True)
        shares = [together / alone for alone, together in measured]
        share = statistics.median(shares)
        found |= {
            f"{name}_independent_images_per_second": statistics.median(alone for alone, _ in measured),
            f"{name}_workers_images_per_second": statistics.median(together for _, together in measured),
            f"{name}_share": share,
            f"{name}_share_lowest": min(shares),
            f"{name}_share_highest": max(shares),
        }
        limits[f"{name}_share"] = f"at least {MIN_SHARE}"
        good = good and share >= MIN_SHARE
    print_table(found, limits)
    write_results("distribution", found)
    return 0 if good else 1


def independent(subject: dict[str, Any]) -> float:
    """Images per second of processes that train side by side, summed."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        trainings = [
            running.enter_context(WorkerProcesses(job(subject, folder, {}, number=number), local_clusters(1)))
            for number in range(PROCESSES)
        ]
        for training in trainings:
            training.wait()
        return speed(folder, subject)


def workers(subject: dict[str, Any]) -> float:
    """Images per second of one training with as many workers."""
    with tempfile.TemporaryDirectory() as folder:
        with WorkerProcesses(job(subject, folder, {"strategy": "multi_worker"}), local_clusters(PROCESSES)) as training:
            training.wait()
        return speed(folder, subject)


def job(subject: dict[str, Any], folder: str, section: dict[str, Any], **options: int) -> Job:
    """What each process runs."""
    threads = max((os.cpu_count() or PROCESSES) // PROCESSES, 1)
    argument = subject | {"section": section, "file": f"{folder}/steps"} | options
    return Job(function="support.distributed_training.train", argument=argument, threads=threads)


def speed(folder: str, subject: dict[str, Any]) -> float:
    """Over the time in which every process was past its warm-up and not yet done."""
    ends = [json.loads(path.read_text())[_WARM_UP:] for path in Path(folder).glob("steps-*.json")]
    begin, end = max(times[0] for times in ends), min(times[-1] for times in ends)
    steps = sum(begin <= before and after <= end for times in ends for before, after in pairwise(times))
    return steps * subject["images_per_process"] / (end - begin)


if __name__ == "__main__":
    sys.exit(main())
