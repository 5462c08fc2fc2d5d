"""What a reader sees while pushes are killed.

    python bench/push_kills.py [--kills 200]

Processes push a model of 40 files again and again. Each gets SIGKILL at a random moment of a push. Meanwhile a reader
looks at the repository as a model server does, and reads every file of every version that it sees for the first time.
No version may ever lack a file or hold a part of one, every version that a push said it made must be there, and what
kills leave must be nothing that a server loads and must go away. Prints a table and writes
bench/results/push_kills.json.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from support.results import ROOT, print_table, write_results

from serving.model_server.repository import ModelRepository

FILES = 40
FILE_BYTES = 20_000


def make_model(folder: Path) -> dict[str, bytes]:
    """A folder that looks like a SavedModel; returns its contents."""
    names = ["saved_model.pb", *(f"variables/part-{number}" for number in range(FILES - 1))]
    contents = {name: random.randbytes(FILE_BYTES) for name in names}
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return contents


class Reader:
    """Looks without a pause, as no server does; its own thread."""

    def __init__(self, model_folder: Path, wanted: dict[str, bytes]) -> None:
        self._repository = ModelRepository("m", model_folder)
        self._wanted = wanted
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.looks = 0
        self.seen: set[int] = set()
        self.partial: list[int] = []

    def _read(self) -> None:
        while not self._stop.is_set():
            self.looks += 1
            for version, path in self._repository.versions().items():
                if version in self.seen:
                    continue
                self.seen.add(version)
                found = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
                if found != set(self._wanted) or any(
                    (path / name).read_bytes() != self._wanted[name] for name in found
                ):
                    self.partial.append(version)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()


def kill_one(source: Path, model_folder: Path) -> list[int]:
    """Starts pushes, kills them at a random moment of one; returns the versions that they said they made."""
    with subprocess.Popen(
        [sys.executable, str(ROOT / "bench" / "support" / "push_loop.py"), str(source), str(model_folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        started = time.monotonic()
        first = int(process.stdout.readline())
        # As long as a push takes: each moment of the next one is as likely as any other.
        time.sleep(random.uniform(0, 1.2 * (time.monotonic() - started)))
        process.send_signal(signal.SIGKILL)
        return [first, *map(int, process.stdout.read().split())]


def main() -> int:
    parser = argparse.ArgumentParser(description="Kills pushes.")
    parser.add_argument("--kills", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        source, model_folder = Path(name, "source"), Path(name, "models", "m")
        wanted = make_model(source)
        with Reader(model_folder, wanted) as reader:
            said = [version for _ in range(options.kills) for version in kill_one(source, model_folder)]
        # All that is left of a killed push is a folder that servers ignore.
        left = [entry.name for entry in model_folder.iterdir() if not entry.name.isdecimal()]
        for entry in left:
            os.utime(model_folder / entry, (1, 1))
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; from pipeline.pusher.repository import push; "
                "push(Path(sys.argv[1]), Path(sys.argv[2]))",
                str(source),
                str(model_folder),
            ],
            check=True,
            cwd=ROOT,
        )
        still = [entry.name for entry in model_folder.iterdir() if not entry.name.isdecimal()]
        there = {int(entry.name) for entry in model_folder.iterdir() if entry.name.isdecimal()}
    found = {
        "kills": options.kills,
        "pushed": len(there),
        "looks_of_the_reader": reader.looks,
        "partial_models_seen": len(reader.partial),
        "pushes_lost": len(set(said) - there),
        "versions_not_growing": sum(later <= earlier for earlier, later in itertools.pairwise(said)),
        "left_by_kills": len(left),
        "left_after_the_next_push": len(still),
    }
    zeros = ("partial_models_seen", "pushes_lost", "versions_not_growing", "left_after_the_next_push")
    print_table(found, dict.fromkeys(zeros, "0"))
    write_results("push_kills", found)
    return 1 if any(found[key] for key in zeros) else 0


if __name__ == "__main__":
    raise SystemExit(main())
