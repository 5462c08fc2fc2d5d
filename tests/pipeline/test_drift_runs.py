"""Which alerts start a command, with a command that ends when it is told to."""

import json
import os
import sys

import pytest

from darkroom.errors import DarkroomError
from pipeline import drift_runs
from pipeline.drift_runs import RETRY_SECONDS, DriftRuns, Reception

DAY = 86400.0
# Writes a line for each start, then reads how it is to end from a pipe, which waits until somebody writes it.
WORK = "import sys; open(sys.argv[1], 'a').write('started\\n'); sys.exit(int(open(sys.argv[2]).read()))"


class Starts:
    """What was started, and the receiver's clock."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.state = folder / "state" / "answered.json"
        self.now = 1_000_000.0
        os.mkfifo(folder / "pipe")
        monkeypatch.setattr(drift_runs.time, "time", lambda: self.now)

    def runs(self, cooldown=DAY):
        command = (sys.executable, "-c", WORK, str(self.folder / "log"), str(self.folder / "pipe"))
        return DriftRuns(command, self.state, cooldown)

    @property
    def count(self):
        return len((self.folder / "log").read_text().splitlines())

    def end(self, runs, code):
        (self.folder / "pipe").write_text(str(code))
        runs.close(60)


@pytest.fixture
def starts(tmp_path, monkeypatch):
    return Starts(tmp_path, monkeypatch)


def test_a_second_notification_does_not_start_a_second_run_beside_the_first(starts):
    runs = starts.runs()
    assert runs.receive({"a"}) is Reception.STARTED
    assert runs.receive({"a", "b"}) is Reception.RUN_UNDER_WAY
    starts.end(runs, 0)
    assert starts.count == 1


def test_an_alert_that_goes_on_firing_starts_one_run(starts):
    runs = starts.runs()
    runs.receive({"a"})
    starts.end(runs, 0)
    starts.now += 7 * DAY
    assert runs.receive({"a"}) is Reception.ANSWERED_BEFORE


def test_another_alert_waits_for_the_cooldown(starts):
    runs = starts.runs()
    runs.receive({"a"})
    starts.end(runs, 0)
    starts.now += DAY - 1
    assert runs.receive({"a", "b"}) is Reception.TOO_SOON
    starts.now += 1
    assert runs.receive({"a", "b"}) is Reception.STARTED
    starts.end(runs, 0)
    assert starts.count == 2


def test_a_model_that_was_not_blessed_answers_the_alert(starts):
    runs = starts.runs()
    runs.receive({"a"})
    starts.end(runs, 3)
    starts.now += 2 * DAY
    assert runs.receive({"a"}) is Reception.ANSWERED_BEFORE


def test_a_start_that_failed_is_tried_again_and_not_at_once(starts):
    runs = starts.runs()
    runs.receive({"a"})
    starts.end(runs, 1)
    assert runs.receive({"a"}) is Reception.TOO_SOON
    starts.now += RETRY_SECONDS
    assert runs.receive({"a"}) is Reception.STARTED
    starts.end(runs, 0)


def test_a_restarted_receiver_knows_what_was_answered(starts):
    runs = starts.runs()
    runs.receive({"a"})
    starts.end(runs, 0)
    again = starts.runs()
    assert again.receive({"a"}) is Reception.ANSWERED_BEFORE
    assert again.receive({"b"}) is Reception.TOO_SOON


def test_a_receiver_that_died_during_a_start_does_not_start_again_at_once(starts):
    runs = starts.runs()
    runs.receive({"a"})
    assert starts.runs().receive({"a"}) is Reception.TOO_SOON
    starts.end(runs, 0)


def test_nothing_that_fires_starts_nothing(starts):
    assert starts.runs().receive(set()) is Reception.NOT_MEANT


def test_an_answer_is_forgotten_after_a_month(starts):
    runs = starts.runs()
    runs.receive({"a"})
    starts.end(runs, 0)
    starts.now += 31 * DAY
    assert runs.receive({"b"}) is Reception.STARTED
    starts.end(runs, 0)
    assert list(json.loads(starts.state.read_text())["answered"]) == ["b"]


@pytest.mark.parametrize("content", ["", "[]", '{"not_before": null}', '{"not_before": 1, "answered": [1]}'])
def test_a_file_that_is_something_else_is_named(starts, content):
    starts.state.parent.mkdir()
    starts.state.write_text(content)
    with pytest.raises(DarkroomError, match=r"answered\.json is no record of runs for drift .* --state"):
        starts.runs()


def test_a_folder_that_cannot_be_made_is_named(starts):
    starts.state.parent.write_text("a file")
    with pytest.raises(DarkroomError, match="--state"):
        starts.runs()
