"""A configured training on two devices, in two processes and in two pods: the same as on one, whoever is killed."""

import logging
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from kubernetes import client

from darkroom.configuration.load import parse_configuration
from pipeline.distribution.cluster import local_clusters
from pipeline.distribution.job import Job
from pipeline.distribution.processes import run_job
from pipeline.training.watching.checkpoints import BEST_FILE
from pipeline.training_job.cluster_api import ClusterApi
from pipeline.training_job.runner import TrainingJob
from tests.pipeline.distribution.whole_training import EPOCHS, EVAL, TRAIN, result
from tests.pipeline.training.records import write_split
from tests.pipeline.training_job.cluster import NAMESPACE, Cluster, serving
from tests.serving.gateway.running import eventually

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


def kill_after(cluster, epoch):
    """Kills a worker of the first start, as a node does that is taken away, when an epoch has ended."""
    eventually(lambda: len(cluster.pods) == 2, 60)
    eventually(lambda: any(f"epoch {epoch}/{EPOCHS}" in line for line in cluster.worker(0).lines), 120)
    cluster.worker(1).end(signal.SIGKILL)


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
def test_a_preempted_worker_lets_all_go_on_from_the_saved_state(folder, alone, caplog):
    """In pods of a TFJob; the cluster starts their command lines here."""
    text = "training: {distribution: {strategy: multi_worker}}\nkubeflow: {namespace: team, training_job: {workers: 2}}"
    config = parse_configuration(text, folder / "darkroom.yaml")
    cluster = Cluster(folder / "pods")
    with serving(cluster) as url, ThreadPoolExecutor() as others, caplog.at_level(logging.INFO):
        api = ClusterApi(client.ApiClient(client.Configuration(host=url)), NAMESPACE)
        killed = others.submit(kill_after, cluster, 2)
        TrainingJob(config, "run", api, poll_seconds=0.1).run(job(folder, "killed", TWO_WORKERS))
        killed.result()
    assert len(cluster.started) == 4
    told = " ".join(record.getMessage() for record in caplog.records if "[worker 0]" in record.getMessage())
    assert told.count("Training goes on from a saved state") == 1
    assert told.count(f" epoch 1/{EPOCHS} ") == told.count(f" epoch {EPOCHS}/{EPOCHS} ") == 1
    assert_same(result(folder, "killed"), alone)
