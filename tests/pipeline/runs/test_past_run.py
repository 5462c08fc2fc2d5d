"""What a run that ML Metadata remembers came to."""

import subprocess
import sys
from datetime import UTC, datetime

import psutil
import pytest

from pipeline.runs.past_run import PastRun
from pipeline.runs.records import NodeRecord, RecordedState
from pipeline.runs.run_facts import RunFacts
from pipeline.runs.run_process import RunProcess

NOW = datetime.now(UTC)


def past_run(state, **facts):
    node = NodeRecord(id=1, state=state, started=NOW, seconds=0.0, properties={}, inputs={}, outputs={})
    facts = RunFacts(configuration={}, folder=".", code_revision=None, packages={}, **facts)
    return PastRun(run_id="now", pipeline="digits", started=NOW, ended=NOW, nodes={"Trainer": node}, facts=facts)


def under_way(process):
    return past_run(RecordedState.RUNNING, process=process)


@pytest.fixture
def other():
    with subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_run_is_under_way_while_its_process_lives():
    assert under_way(RunProcess.current()).outcome == "running"


def test_a_run_whose_process_was_killed_is_interrupted(other):
    process = RunProcess(host=RunProcess.current().host, pid=other.pid, started=psutil.Process(other.pid).create_time())
    assert under_way(process).outcome == "running"
    other.kill()
    other.wait()
    assert under_way(process).outcome == "interrupted"


def test_another_process_with_the_same_number_is_not_the_runs():
    mine = RunProcess.current()
    earlier = mine.model_copy(update={"started": mine.started - 100})
    assert under_way(earlier).outcome == "interrupted"


@pytest.mark.parametrize("process", [None, RunProcess(host="another machine", pid=1, started=0.0)])
def test_of_processes_elsewhere_nothing_is_known(process):
    assert under_way(process).outcome == "running"


def test_a_session_whose_time_was_up_is_no_failure():
    assert past_run(RecordedState.FAILED, paused=True).outcome == "paused in Trainer"
    assert past_run(RecordedState.FAILED).outcome == "failed in Trainer"
