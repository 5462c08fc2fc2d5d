"""What a compiled pipeline weighs, how long its compilation takes, and what a step costs beside its work.

    python bench/kubeflow_steps.py

Compiles the quickstart's configuration. Then runs the pipeline, and after it the command line of a container's step for
each node: nothing changed, so what is left is the start of Python, the imports and TFX's launcher. Prints the table
and writes bench/results/kubeflow_steps.json.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.digits import DARKROOM, MODEL_NAME, make_project, run
from support.results import ROOT, print_table, write_results

from darkroom.configuration import load_configuration
from pipeline.topology import upstream_nodes

MAX_KILOBYTES, MAX_COMPILE_SECONDS, MAX_STEP_SECONDS = 200, 10, 15
COMPILED = 3
QUICK = ("training.epochs=1", "serving_check.enabled=false", "evaluation.min_accuracy=0")


def main() -> int:
    """Prints the table; 1 where a limit is passed."""
    with tempfile.TemporaryDirectory() as name:
        config = make_project(Path(name))
        compile_seconds, kilobytes = compiled(config)
        run(config, *(argument for pair in QUICK for argument in ("--set", pair)))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        cached = steps(config)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = statistics.median(cached.values())
    computed = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(cached)
    found = {
        "IR, kB": kilobytes,
        "compile, s": compile_seconds,
        "overhead of a step, s": seconds,
        "CPU of a step, s": computed,
        **{f"  {step}, s": value for step, value in cached.items()},
    }
    limits = {
        "IR, kB": f"below {MAX_KILOBYTES}",
        "compile, s": f"below {MAX_COMPILE_SECONDS}",
        "overhead of a step, s": f"below {MAX_STEP_SECONDS}",
    }
    print_table(found, limits)
    write_results("kubeflow_steps", found)
    fits = kilobytes < MAX_KILOBYTES and compile_seconds < MAX_COMPILE_SECONDS and seconds < MAX_STEP_SECONDS
    return 0 if fits else 1


def compiled(config: Path) -> tuple[float, float]:
    """Median of `darkroom compile` in seconds, and what it writes in kilobytes."""
    taken = []
    for _ in range(COMPILED):
        start = time.monotonic()
        command = (*DARKROOM, "compile", "-c", str(config), "--set", "pipeline.metadata={host: mysql}")
        made = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        taken.append(time.monotonic() - start)
    return statistics.median(taken), len(made.stdout) / 1000


def steps(config: Path) -> dict[str, float]:
    """Seconds of each node's step, one after the other; their results are there."""
    taken = {}
    text = config.read_text(encoding="utf-8")
    for node in upstream_nodes(load_configuration(config)):
        command = (*DARKROOM, "step", node, "--run-id", "bench", "--folder", str(config.parent))
        given = ("--configuration", text, "--overrides", json.dumps(QUICK))
        start = time.monotonic()
        done = subprocess.run((*command, *given), capture_output=True, text=True, check=False, cwd=ROOT)
        taken[node] = time.monotonic() - start
        if done.returncode:
            raise RuntimeError(f"{node} of {MODEL_NAME} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return taken


if __name__ == "__main__":
    sys.exit(main())
