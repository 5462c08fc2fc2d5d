"""The main job: 1,797 handwritten digits from a folder of PNG files to a pushed model.

    python bench/digits_run.py

Prints accuracy, wall-clock time from exec to exit, peak memory and the time of each component; writes
bench/results/digits_run.json.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from support.digits import make_project, run
from support.results import print_table, write_results

MIN_ACCURACY, MAX_SECONDS, MAX_MEGABYTES = 0.97, 90, 3 * 1024


def main() -> int:
    """Exit code 1 when a limit is missed."""
    with tempfile.TemporaryDirectory() as folder:
        summary, seconds, megabytes = run(make_project(Path(folder)))
    found = {
        "test_accuracy": summary["accuracy"],
        "seconds": seconds,
        "peak_megabytes": megabytes,
        "epochs": summary["epochs"],
        **{f"seconds_{name}": value for name, value in summary["seconds"].items()},
    }
    print_table(
        found,
        {
            "test_accuracy": f"at least {MIN_ACCURACY}",
            "seconds": f"at most {MAX_SECONDS}",
            "peak_megabytes": f"at most {MAX_MEGABYTES}",
        },
    )
    write_results("digits_run", found)
    good = summary["accuracy"] >= MIN_ACCURACY and seconds <= MAX_SECONDS and megabytes <= MAX_MEGABYTES
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
