"""A configured training on two devices and in two processes: the same as on one, also when it was killed between."""

import os
import signal

import numpy as np
import pytest

from pipeline.distribution.cluster import local_clusters
from pipeline.distribution.job import Job
from pipeline.distribution.processes import WorkerFailedError, WorkerProcesses, run_job
from pipeline.progress import reporting_to
from pipeline.training.watching.checkpoints import BEST_FILE
from tests.pipeline.distribution.whole_training import EPOCHS, EVAL, TRAIN, result
from tests.pipeline.training.records import write_split

TWO_WORKERS = {"strategy": "multi_worker", "sync_batch_norm": True}
TWO_DEVICES = {"strategy": "mirrored", "virtual_devices": 2, "sync_batch_norm": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("trained")
    write_split(root / "train", TRAIN)
    write_split(root / "eval", EVAL)
    return root


def job(folder, name, distribution, **training):
    argument = {"folder": str(folder), "name": name, "train": f"{folder}/train/*", "eval": f"{folder}/eval/*"}
    argument |= {"training": training | {"distribution": distribution}}
    return Job(function="tests.pipeline.distribution.whole_training.train", argument=argument, threads=1)


@pytest.fixture(scope="module")
def alone(folder):
    """What one device trains, in the process in which two devices have."""
    both = [job(folder, "devices", TWO_DEVICES), job(folder, "alone", {})]
    argument = {"trainings": [each.argument for each in both]}
    run_job(Job(function="tests.pipeline.distribution.whole_training.train_each", argument=argument), local_clusters(1))
    return result(folder, "alone")


class Heard:
    """The epochs that were told of."""

    def __init__(self):
        self.epochs, self.workers = [], None

    def epoch(self, progress):
        self.epochs.append(progress.epoch)

    def note(self, text):
        pass


class KillAfter(Heard):
    """Kills a worker when an epoch has ended."""

    def __init__(self, number):
        super().__init__()
        self.number, self.killed = number, False

    def epoch(self, progress):
        if progress.epoch == self.number:
            self.killed = True
            os.kill(self.workers.pids[1], signal.SIGKILL)


def run_with(reporter, job):
    with reporting_to(reporter), WorkerProcesses(job, local_clusters(2)) as workers:
        reporter.workers = workers
        workers.wait()


def assert_same(found, expected):
    (history, weights), (expected_history, expected_weights) = found, expected
    assert history.keys() == expected_history.keys()
    for metric in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert np.allclose(history[metric], expected_history[metric], rtol=0, atol=1e-5), metric
    for one, other in zip(weights, expected_weights, strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_two_devices_train_as_one(folder, alone):
    assert_same(result(folder, "devices"), alone)


@pytest.mark.slow
def test_two_workers_train_as_one(folder, alone):
    shown = {"tensorboard": {"enabled": True, "pictures_every": 2}}
    kept = {"checkpoint": {"every_steps": 2, "keep": {"every_epochs": 2, "best": True}}, "best_metric": "val_loss"}
    run_job(job(folder, "workers", TWO_WORKERS, **shown, **kept), local_clusters(2))
    assert_same(result(folder, "workers"), alone)
    assert_same(result(folder, "workers", 1), alone)
    # What one worker alone writes waits for no other.
    run = folder / "workers-run"
    assert {path.name for path in (run / "checkpoints").iterdir()} == {
        "epoch-0002.keras",
        "epoch-0004.keras",
        BEST_FILE,
    }
    assert len(list((run / "tensorboard" / "validation").iterdir())) == 1


@pytest.mark.slow
def test_after_a_worker_was_killed_the_next_start_goes_on(folder, alone):
    killer = KillAfter(2)
    with pytest.raises(WorkerFailedError, match=r"worker 1 of 2 .* SIGKILL"):
        run_with(killer, job(folder, "killed", TWO_WORKERS))
    assert killer.killed
    heard = Heard()
    run_with(heard, job(folder, "killed", TWO_WORKERS))
    # Each epoch once, although both workers train it.
    assert heard.epochs == list(range(heard.epochs[0], EPOCHS + 1))
    assert heard.epochs[0] > 1
    assert_same(result(folder, "killed"), alone)
