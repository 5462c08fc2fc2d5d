"""A training's workers in a cluster, from their start to what is left of them; they do not train here."""

import json
import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from darkroom.errors import DarkroomError, DataError, TrainingPausedError
from pipeline.container_steps.finish import finish
from pipeline.container_steps.outputs import StepOutputs
from pipeline.distribution.processes import WorkerFailedError
from pipeline.training_job.names import POD_UID
from tests.serving.gateway.running import eventually

KINDS = pytest.mark.parametrize("kind", ["TFJob", "TrainJob"])
ROOT = Path(__file__).resolve().parents[3]


def nothing_is_left(cluster):
    return not any((cluster.pods, *map(cluster.objects, ("tfjobs", "trainjobs", "trainingruntimes"))))


def in_background(training, job):
    """Runs it in a thread; what it raised comes with `join`."""
    raised = []

    def run():
        try:
            training.run(job)
        except DarkroomError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def join():
        thread.join(60)
        assert not thread.is_alive()
        for error in raised:
            raise error

    return join


def both_started(tmp_path):
    eventually(lambda: len(list((tmp_path / "made").glob("started-*"))) == 2, 30)


@KINDS
def test_each_worker_knows_its_place_and_nothing_is_left(cluster, training, job, tmp_path, kind):
    training(f"kubeflow.training_job.kind={kind}").run(job("write_place"))
    configs = [json.loads((tmp_path / "made" / f"worker-{index}").read_text()) for index in range(2)]
    assert [config["task"] for config in configs] == [{"type": "worker", "index": index} for index in range(2)]
    assert configs[0]["cluster"] == configs[1]["cluster"]
    assert len(configs[0]["cluster"]["worker"]) == 2
    assert nothing_is_left(cluster)


def test_workers_logs_are_in_the_steps(training, job, caplog):
    with caplog.at_level(logging.INFO):
        training().run(job("write_place"))
    told = [record.getMessage() for record in caplog.records if record.name == "darkroom.worker"]
    assert sorted(line for line in told if "here is" in line) == [
        "[worker 0] here is worker 0",
        "[worker 1] here is worker 1",
    ]


@KINDS
def test_a_worker_that_is_killed_starts_all_again(cluster, training, job, tmp_path, kind):
    join = in_background(training(f"kubeflow.training_job.kind={kind}"), job("sleep_at_first"))
    both_started(tmp_path)
    cluster.worker(1).end(signal.SIGKILL)
    join()
    assert [name.rpartition("-x")[0] or name for name, _ in cluster.started[:2]] == [
        name.rpartition("-x")[0] or name for name, _ in cluster.started[2:]
    ]
    assert nothing_is_left(cluster)


def test_a_worker_whose_pod_is_deleted_starts_all_again(cluster, training, job, tmp_path):
    join = in_background(training(), job("sleep_at_first"))
    both_started(tmp_path)
    cluster.worker(0).is_going = True
    join()
    assert len(cluster.started) == 4
    assert nothing_is_left(cluster)


def test_workers_are_not_started_again_for_ever(cluster, training, job, tmp_path):
    join = in_background(training("kubeflow.training_job.restarts=0"), job("sleep_at_first"))
    both_started(tmp_path)
    cluster.worker(1).end(signal.SIGKILL)
    with pytest.raises(WorkerFailedError, match=r"as often as kubeflow\.training_job\.restarts \(0\) allows"):
        join()
    assert nothing_is_left(cluster)


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ("data", DataError, r"^there is nothing\nto learn from$"),
        ("paused", TrainingPausedError, r"^the time is up$"),
        ("code", WorkerFailedError, r"worker 1 of 2 \(pod \S+\) ended with exit code 3(?s:.*)the last words"),
        ("crash", WorkerFailedError, r"worker 1 of 2 \(pod \S+\) was ended by SIGSEGV"),
    ],
)
def test_a_worker_that_fails_is_the_steps_error(training, job, how, error, said):
    with pytest.raises(error, match=said):
        training().run(job("first_fails", how=how))


@pytest.mark.usefixtures("default_cluster", "in_pod")
def test_sigterm_takes_the_job_away(cluster, job, tmp_path):
    text = "training: {distribution: {strategy: multi_worker}}\nkubeflow: {training_job: {workers: 2}}"
    program = (
        "from pipeline.training_job.runner import TrainingJob; from pipeline.distribution.job import Job\n"
        "from darkroom.configuration.load import parse_configuration; from pathlib import Path\n"
        f"config = parse_configuration({text!r}, Path({str(tmp_path / 'darkroom.yaml')!r}))\n"
        f"job = Job.model_validate_json({job('sleep').model_dump_json()!r})\n"
        "TrainingJob(config, 'run-1', poll_seconds=0.05).run(job)"
    )
    with subprocess.Popen((sys.executable, "-c", program), cwd=ROOT) as step:
        eventually(lambda: len(cluster.pods) == 2, 60)
        step.terminate()
        assert step.wait(30) == 128 + signal.SIGTERM
    assert nothing_is_left(cluster)


def left_behind(cluster, training, job, *overrides):
    """The workers of a step that was killed: what they do, started as it would have."""
    first = training(*overrides)
    text = job.model_dump_json() + "\n"
    file = f"{first._config.pipeline_root}/steps/run-1/training-job.json"
    first._job.start(first._job.manifests(("darkroom", "worker", file), text))
    return next(iter(cluster.objects("tfjobs").values()))


def test_a_step_that_is_tried_again_goes_on_with_the_workers_it_left(cluster, training, job, tmp_path, monkeypatch):
    work = job("sleep_at_first")
    for index in range(2):
        (tmp_path / "made" / f"started-{index}").touch()
    path = tmp_path / ".darkroom" / "steps" / "run-1" / "training-job.json"
    path.parent.mkdir(parents=True)
    path.write_text(work.model_dump_json() + "\n")
    found = left_behind(cluster, training, work)
    monkeypatch.setenv(POD_UID, "uid-2")
    owners = []
    join = in_background(training(), work)
    eventually(lambda: owners.append(found["metadata"]["ownerReferences"][0]["uid"]) or owners[-1] == "uid-2", 30)
    join()
    assert len(cluster.started) == 2
    assert nothing_is_left(cluster)


def test_workers_that_do_something_else_are_replaced(cluster, training, job):
    left_behind(cluster, training, job("sleep"), "kubeflow.training_job.port=3333")
    training().run(job("write_place"))
    assert len(cluster.started) == 4
    assert nothing_is_left(cluster)


def test_a_job_that_somebody_deletes_is_told(cluster, training, job, tmp_path):
    join = in_background(training(), job("sleep_at_first"))
    both_started(tmp_path)
    [name] = cluster.objects("tfjobs")
    cluster.delete("tfjobs", name)
    with pytest.raises(WorkerFailedError, match="somebody deleted it while it ran"):
        join()


def test_a_cluster_without_the_operator_is_told(cluster, training, job):
    cluster.known = {"trainingruntimes"}
    with pytest.raises(DarkroomError, match=r"knows no TrainJob .* or set kubeflow\.training_job\.kind"):
        training("kubeflow.training_job.kind=TrainJob").run(job("write_place"))


@pytest.mark.usefixtures("default_cluster")
def test_the_last_step_takes_away_what_a_killed_one_left(cluster, training, job, configured):
    left_behind(cluster, training, job("sleep"))
    finish(configured("pipeline.metadata=null"), "run-1", StepOutputs())
    assert nothing_is_left(cluster)
