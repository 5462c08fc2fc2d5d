"""Workers are watched: what they tell arrives, and no mishap leaves the others hanging."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from darkroom.errors import DataError
from pipeline.distribution.cluster import local_clusters
from pipeline.distribution.job import Job
from pipeline.distribution.processes import WorkerFailedError, WorkerProcesses, run_job

ROOT = Path(__file__).resolve().parents[3]
JOBS = "tests.pipeline.distribution.jobs"

# From the mishap to the error, by the watch over processes or by TensorFlow's heartbeat of the configured length.
HEARTBEAT, BOUND = 6, 60


def tiny(folder, **options):
    section = {"strategy": "multi_worker", "heartbeat_seconds": HEARTBEAT}
    argument = {"section": section, "folder": str(folder), "name": "tiny"} | options
    return Job(function="tests.pipeline.distribution.tiny.train", argument=argument, threads=1)


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # Killed, and waiting for whoever adopts it.
    return " Z " in Path(f"/proc/{pid}/stat").read_text() if Path("/proc").exists() else False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mishap", "message"),
    [
        ("killed", r"worker 1 of 2 \(process \d+\) was ended by SIGKILL"),
        ("raises", "a mishap of worker 1"),
        ("stopped", "worker 0 of 2 .* ended with exit code 1"),
    ],
)
def test_a_dead_worker_ends_training(tmp_path, mishap, message):
    """`stopped` lives, but is silent: TensorFlow's heartbeat finds it."""
    begin = time.monotonic()
    with pytest.raises(WorkerFailedError, match=message):  # noqa: SIM117 - the processes are looked at below
        with WorkerProcesses(tiny(tmp_path, fail=mishap), local_clusters(2)) as workers:
            workers.wait()
    assert time.monotonic() - begin < BOUND
    assert all(gone(pid) for pid in workers.pids)
    assert not list(tmp_path.glob("*.npz"))


def test_the_error_of_a_worker_is_raised_here():
    with pytest.raises(DataError, match="nothing to learn from"):
        run_job(Job(function=f"{JOBS}.fail", argument={}), local_clusters(2))


@pytest.mark.slow
def test_a_chief_that_writes_for_long_is_not_left_alone(tmp_path):
    """The other workers are done long before, longer than a heartbeat may be missing."""
    section = {"strategy": "multi_worker", "heartbeat_seconds": 5}
    argument = {"section": section, "seconds": 20, "file": str(tmp_path / "model")}
    run_job(Job(function="tests.pipeline.distribution.tiny.chief_lingers", argument=argument), local_clusters(2))
    assert (tmp_path / "model").read_text() == "written"


def test_a_worker_that_another_started_runs_its_job(tmp_path):
    """As the pods of a Kubernetes job do, without standard input and with nobody to tell."""
    job = Job(function=f"{JOBS}.write", argument={"file": str(tmp_path / "found"), "text": "here"})
    (tmp_path / "job.json").write_text(job.model_dump_json())
    command = (sys.executable, "-m", "pipeline.distribution.worker", str(tmp_path / "job.json"))
    subprocess.run(command, check=True, cwd=ROOT, stdin=subprocess.DEVNULL)
    assert (tmp_path / "found").read_text() == "here"


def test_what_a_worker_said_is_in_the_error():
    with pytest.raises(WorkerFailedError, match=r"exit code 3(?s:.*)the last words"):
        run_job(Job(function=f"{JOBS}.speak_and_exit", argument={"code": 3}), local_clusters(1))


def test_workers_end_with_the_context():
    with WorkerProcesses(Job(function=f"{JOBS}.sleep", argument={}), local_clusters(2)) as workers:
        assert not any(gone(pid) for pid in workers.pids)
    assert all(gone(pid) for pid in workers.pids)


def test_workers_end_with_a_process_that_was_killed():
    program = (
        "import sys; from pipeline.distribution.processes import WorkerProcesses;"
        "from pipeline.distribution.job import Job; from pipeline.distribution.cluster import local_clusters\n"
        f"with WorkerProcesses(Job(function='{JOBS}.sleep', argument={{}}), local_clusters(2)) as workers:\n"
        "    print(*workers.pids, flush=True); workers.wait()"
    )
    with subprocess.Popen((sys.executable, "-c", program), stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        pids = [int(word) for word in parent.stdout.readline().split()]
        time.sleep(1)
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while not all(gone(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)
