"""Which worker is to blame, and whether it is the cluster rather than the worker."""

import pytest

from pipeline.training_job.disruptions import Disruptions, cause_of
from pipeline.training_job.worker_pod import WorkerPod

INDEX = "index"


def pod(worker, phase="Running", *, code=None, at="", reason=None, going=False, uid=None, **status):
    """As the API describes one."""
    metadata = {"name": f"w-{worker}", "uid": uid or f"uid-{worker}", "labels": {INDEX: str(worker)}}
    if going:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    if code is not None:
        ended = {"exitCode": code, "finishedAt": at, **({"reason": reason} if reason else {})}
        status["containerStatuses"] = [{"name": "tensorflow", "state": {"terminated": ended}}]
    elif reason is not None:
        status["reason"] = reason
    described = {"metadata": metadata, "spec": {"containers": [{"name": "tensorflow"}]}}
    return WorkerPod.read(described | {"status": {"phase": phase, **status}}, INDEX)


@pytest.mark.parametrize(
    "taken",
    [
        pod(1, "Failed", code=137),
        pod(1, "Failed", code=143),
        pod(1, "Failed", reason="Evicted"),
        pod(1, conditions=[{"type": "DisruptionTarget", "status": "True"}]),
        pod(1, going=True),
    ],
    ids=["killed", "terminated", "evicted", "preempted", "deleted"],
)
def test_a_worker_that_is_taken_away_is_found(taken):
    assert Disruptions().find([pod(0), taken]) == taken


@pytest.mark.parametrize(
    "other",
    [pod(1), pod(1, "Succeeded", code=0), pod(1, "Failed", code=1), pod(1, "Failed", code=137, reason="OOMKilled")],
    ids=["runs", "is done", "failed", "took too much memory"],
)
def test_a_worker_that_ends_by_itself_is_not_taken_away(other):
    assert Disruptions().find([pod(0), other]) is None


def test_a_worker_that_is_missing_or_replaced_was_taken_away():
    disruptions = Disruptions()
    assert disruptions.find([pod(0), pod(1)]) is None
    assert disruptions.find([pod(0), pod(1, "Pending", uid="another")]).uid == "uid-1"


def test_workers_that_the_operator_ends_for_a_failed_one_are_not_taken_away():
    assert Disruptions().find([pod(0, going=True), pod(1, "Failed", code=2)]) is None


def test_the_first_failure_is_the_cause():
    early, late = (
        pod(1, "Failed", code=1, at="2026-01-01T00:00:01Z"),
        pod(0, "Failed", code=1, at="2026-01-01T00:00:09Z"),
    )
    assert cause_of([late, early]) == early


def test_of_failures_in_one_second_the_one_from_outside_is_the_cause():
    killed, missed = pod(1, "Failed", code=137, at="x"), pod(0, "Failed", code=1, at="x")
    assert cause_of([missed, killed]) == killed


def test_those_that_the_operator_ended_are_no_cause():
    failed, ended = pod(1, "Failed", code=2, at="2"), pod(0, "Failed", code=143, at="1", going=True)
    assert cause_of([ended, failed]) == failed
    assert cause_of([pod(0)]) is None


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (pod(1, "Failed", code=2), "worker 1 of 2 (pod w-1) ended with exit code 2"),
        (pod(1, "Failed", code=134), "worker 1 of 2 (pod w-1) was ended by SIGABRT"),
        (pod(1, "Failed", code=137, reason="OOMKilled"), "more memory than kubeflow.training_job.worker.memory"),
        (pod(1, "Failed", reason="Evicted"), "worker 1 of 2 (pod w-1) is gone"),
    ],
)
def test_its_end_is_told(end, said):
    assert said in end.describe_end(2)


def test_why_a_worker_waits_is_told():
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    assert pod(0, "Pending", containerStatuses=[{"state": waiting}]).waits_for == "ImagePullBackOff no such image"
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    assert pod(0, "Pending", conditions=[unscheduled]).waits_for == "Unschedulable 0/3 nodes"
