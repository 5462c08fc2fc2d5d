"""The main job: 1,797 handwritten digits from a folder of PNG files to a pushed model, plain and with augmentation.

    python bench/digits_run.py [plain|augmented]

Prints accuracy, wall-clock time from exec to exit, peak memory and the time of each component; writes
bench/results/digits_run.json and digits_augmented.json.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from support.digits import make_project, run
from support.results import print_table, write_results

MAX_MEGABYTES = 3 * 1024
# What evaluation and serving check together may take of the run.
MAX_GATE_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Subject:
    """One way to run the job.

    Attributes:
        name: of the results' file.
        settings: keys set for the run.
        min_accuracy: on the test split.
        max_seconds: wall clock.
    """

    name: str
    settings: tuple[str, ...]
    min_accuracy: float
    max_seconds: float


SUBJECTS = {
    "plain": Subject("digits_run", (), 0.97, 90),
    "augmented": Subject(
        "digits_augmented",
        (
            "training.augmentation.rotation=10",
            "training.augmentation.translation=0.06",
            "training.augmentation.zoom=0.1",
        ),
        0.985,
        120,
    ),
}


def measure(subject: Subject) -> bool:
    """Whether all limits are kept."""
    overrides = [part for setting in subject.settings for part in ("--set", setting)]
    with tempfile.TemporaryDirectory() as folder:
        summary, seconds, megabytes = run(make_project(Path(folder)), *overrides)
    gate = summary["seconds"]["Evaluator"] + summary["seconds"]["ServingCheck"]
    found = {
        "test_accuracy": summary["metrics"]["accuracy"],
        "seconds": seconds,
        "gate_share_of_seconds": gate / seconds,
        "peak_megabytes": megabytes,
        "epochs": summary["epochs"],
        **{f"seconds_{name}": value for name, value in summary["seconds"].items()},
    }
    print(subject.name, *subject.settings)
    print_table(
        found,
        {
            "test_accuracy": f"at least {subject.min_accuracy}",
            "seconds": f"at most {subject.max_seconds:g}",
            "gate_share_of_seconds": f"at most {MAX_GATE_SHARE}",
            "peak_megabytes": f"at most {MAX_MEGABYTES}",
        },
    )
    write_results(subject.name, found)
    within = seconds <= subject.max_seconds and megabytes <= MAX_MEGABYTES and gate <= MAX_GATE_SHARE * seconds
    return bool(summary["metrics"]["accuracy"] >= subject.min_accuracy and within)


def main(names: list[str]) -> int:
    """Exit code 1 when a limit is missed."""
    kept = [measure(SUBJECTS[name]) for name in names or SUBJECTS]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
