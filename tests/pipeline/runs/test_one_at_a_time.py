"""Two runs of one model."""

import os
import signal
import subprocess
import sys

import pytest

from darkroom.configuration import DarkroomConfig
from pipeline.runs.one_at_a_time import UnderWayError, one_at_a_time

HOLD = """
import sys
from darkroom.configuration import DarkroomConfig
from pipeline.runs.one_at_a_time import one_at_a_time
with one_at_a_time(DarkroomConfig.model_validate_json(sys.argv[1])):
    print("holding", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def config(tmp_path):
    return DarkroomConfig.model_validate({"pipeline": {"root": str(tmp_path / "root")}, "model": {"name": "pets"}})


def test_the_second_is_told_who_is_at_work_until_that_one_is_killed(config):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, config.model_dump_json()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "holding\n"
        with pytest.raises(UnderWayError, match=rf"A run of pets is under way \(process {holder.pid} on "):
            one_at_a_time(config).__enter__()
        os.kill(holder.pid, signal.SIGKILL)
    finally:
        holder.kill()
        holder.communicate()
    with one_at_a_time(config):
        pass


def test_other_models_and_later_runs_are_free(config):
    other = config.model_copy(update={"model": config.model.model_copy(update={"name": "cars"})})
    for _ in range(2):
        with one_at_a_time(config), one_at_a_time(other):
            pass
