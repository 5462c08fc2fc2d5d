"""A training that is killed, again and again, ends as one that was not: bit for bit."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.training.records import write_split
from tests.pipeline.training.state.training_process import EVAL, TRAIN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[4]
TRAINING = {
    "recipe": {"name": "fine_tune", "head_epochs": 6, "all_epochs": 8},
    "augmentation": {"rotation": 10, "mixup": 0.2},
    # Three segments: preprocessed, the images take 0.03 megabytes.
    "feeding": {"mode": "hybrid", "memory_megabytes": 0.019, "segment_epochs": 2},
    "checkpoint": {"every_steps": 1},
    "metrics": ["f1", "roc_auc"],
    "best_metric": "val_f1",
    "objective": {"diverge": 1000.0},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("examples")
    write_split(root / "train", TRAIN)
    write_split(root / "eval", EVAL)
    return root


@pytest.fixture
def folder(data, tmp_path):
    return Path(shutil.copytree(data, tmp_path / "training"))


def start(folder, training):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.pipeline.training.state.training_process", str(folder), json.dumps(training)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def finish(folder, training):
    process = start(folder, training)
    output, _ = process.communicate(timeout=280)
    return process.returncode, output


def outcome(folder):
    with np.load(folder / "weights.npz") as stored:
        weights = {key: stored[key] for key in stored.files}
    return weights, json.loads((folder / "history.json").read_text())


def assert_same(one, other):
    (weights, history), (other_weights, other_history) = one, other
    assert history == other_history
    assert all(np.array_equal(weights[key], other_weights[key]) for key in weights)


@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory):
    folder = Path(shutil.copytree(data, tmp_path_factory.mktemp("reference") / "training"))
    assert finish(folder, TRAINING)[0] == 0
    return outcome(folder)


def saves_seen(folder, count, process):
    """Waits until the state was written `count` times more."""
    path, seen, last = folder / "state" / "state.npz", 0, None
    while seen < count and process.poll() is None:
        try:
            now = path.stat().st_mtime_ns
        except FileNotFoundError:
            now = None
        if now is not None and now != last:
            seen, last = seen + 1, now
        time.sleep(0.001)


def test_killed_at_many_points_and_started_again_it_ends_the_same(folder, uninterrupted):
    for saves in (3, 25):
        process = start(folder, TRAINING)
        saves_seen(folder, saves, process)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    assert finish(folder, TRAINING)[0] == 0
    assert_same(outcome(folder), uninterrupted)


def test_a_session_with_a_time_budget_ends_cleanly_and_the_next_goes_on(folder, uninterrupted):
    code, said = finish(folder, TRAINING | {"max_minutes": 0.00001})
    assert code == 4
    assert "run again to go on" in said
    assert finish(folder, TRAINING)[0] == 0
    assert_same(outcome(folder), uninterrupted)
