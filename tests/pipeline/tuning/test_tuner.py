"""Whole searches over tiny trainings."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.errors import ConfigurationError, DarkroomError
from pipeline.progress import reporting_to
from pipeline.tuning.report import TuningReport
from pipeline.tuning.run import join, make_tuner
from pipeline.tuning.sweep import read_sweep
from pipeline.tuning.tuner import TrialTuner
from pipeline.tuning.values import values_of
from tests.darkroom.command import ROOT
from tests.pipeline.tuning.made_search import made_search, write_examples

RATES = {"training.learning_rate": {"min": 0.001, "max": 0.1, "scale": "log"}}


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("examples"))


class Heard:
    """What was told of."""

    def __init__(self):
        self.steps, self.phases = [], []

    def epoch(self, progress):
        self.phases.append(progress.phase)

    def step(self, text):
        self.steps.append(text)

    def note(self, text):
        pass


def run(search):
    heard = Heard()
    tuner = make_tuner(search)
    with reporting_to(heard):
        tuner.search()
    return tuner, TuningReport.read(search.folder), heard


def test_the_best_of_the_trials_is_what_the_trainer_gets(examples, tmp_path):
    search = made_search(examples, tmp_path, {"algorithm": "random", "trials": 3, "parameters": RATES, "epochs": 1})
    tuner, report, heard = run(search)
    scores = [trial.score for trial in report.trials]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    [best] = tuner.get_best_hyperparameters()
    assert values_of(best.get_config()) == report.best == report.trials[0].values
    assert [trial.epochs for trial in report.trials] == [1, 1, 1]
    # The first is the configuration as it stands.
    assert {trial.trial: trial.as_configured for trial in report.trials} == {"0": True, "1": False, "2": False}
    assert report.as_configured.values == {"training.learning_rate": 0.01}
    assert len(heard.steps) == 3
    assert heard.phases == ["trial 1  scratch", "trial 2  scratch", "trial 3  scratch"]
    assert all(Path(picture).read_bytes().startswith(b"\x89PNG") for picture in report.pictures)


def test_a_trial_that_cannot_be_trained_is_told_and_the_others_count(examples, tmp_path):
    parameters = {"training.batch_size": [15], "training.augmentation.n_augmentation": [1, 2]}
    tuning = {"algorithm": "grid", "parameters": parameters, "epochs": 1}
    _, report, heard = run(made_search(examples, tmp_path, tuning))
    assert [trial.score is None for trial in report.trials] == [False, True]
    [_, failed] = report.trials
    assert failed.values == {"training.batch_size": 15, "training.augmentation.n_augmentation": 2}
    assert "must be a multiple of" in failed.error
    assert any("failed" in step and "must be a multiple of" in step for step in heard.steps)


def test_a_search_in_which_nothing_can_be_trained_ends_with_the_reason(examples, tmp_path):
    tuning = {"algorithm": "random", "trials": 20, "parameters": RATES, "objective": "val_lift"}
    with pytest.raises(DarkroomError, match=r"All 3 trials failed: .*lift is for two classes"):
        run(made_search(examples, tmp_path, tuning))


def test_an_interrupted_search_goes_on_and_repeats_no_finished_trial(examples, tmp_path, monkeypatch):
    search = made_search(examples, tmp_path, {"algorithm": "random", "trials": 3, "parameters": RATES, "epochs": 1})
    ran = []

    def interrupted(self, trial, place):
        if len(ran) == 1:
            raise KeyboardInterrupt
        ran.append(trial.trial_id)
        return original(self, trial, place)

    original = TrialTuner._run
    monkeypatch.setattr(TrialTuner, "_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(search)
    monkeypatch.undo()
    _, report, heard = run(search)
    assert ran == ["0"]
    assert len(heard.steps) == 2
    assert sorted(trial.trial for trial in report.trials) == ["0", "1", "2"]
    assert all(trial.score is not None for trial in report.trials)


def test_hyperband_trains_its_best_trials_to_the_end(examples, tmp_path):
    tuning = {"algorithm": "hyperband", "factor": 2, "parameters": RATES}
    _, report, _ = run(made_search(examples, tmp_path, tuning, epochs=2))
    assert {trial.epochs for trial in report.trials} == {1, 2}
    assert not list((tmp_path / "tuning").rglob("state"))


def test_hyperband_must_know_how_many_epochs_there_are(examples, tmp_path):
    search = made_search(examples, tmp_path, {"algorithm": "hyperband", "parameters": RATES}, steps=10)
    with pytest.raises(ConfigurationError, match=r"hyperband needs tuning\.epochs"):
        make_tuner(search)


def test_a_sweep_is_a_search_with_one_value(examples, tmp_path):
    tuning = {"algorithm": "learning_rate_sweep", "sweep": {"min": 1e-5, "max": 1.0, "steps": 60}}
    search = made_search(examples, tmp_path, tuning)
    tuner, report, heard = run(search)
    [best] = tuner.get_best_hyperparameters()
    assert values_of(best.get_config()) == report.best
    found = read_sweep(search.folder)
    assert len(found.rates) == len(found.losses) == len(found.smoothed) <= 60
    assert report.best["training.learning_rate"] == found.suggestion == pytest.approx(found.rates[found.at], rel=0.06)
    assert "sweep suggests" in heard.steps[0]


class KillTheFirst(Heard):
    """Kills the process of the trial that tells of its first epoch first."""

    def __init__(self):
        super().__init__()
        self.killed = False

    def epoch(self, progress):
        super().epoch(progress)
        if not self.killed:
            self.killed = True
            [*_, victim] = _trial_processes()
            os.kill(victim, signal.SIGKILL)


def _trial_processes():
    """Process ids of this process's children that run a trial."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == os.getpid() and "pipeline.distribution.worker" in command:
                found.append(int(entry.name))
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_trials_run_in_processes_and_one_that_is_killed_is_a_failed_trial(examples, tmp_path):
    tuning = {"algorithm": "random", "trials": 3, "parallel": 2, "parameters": RATES, "epochs": 1}
    search = made_search(examples, tmp_path, tuning)
    heard = KillTheFirst()
    tuner = make_tuner(search)
    with reporting_to(heard):
        tuner.search()
    report = TuningReport.read(search.folder)
    assert sum(trial.score is not None for trial in report.trials) >= 2
    assert all("SIGKILL" in trial.error for trial in report.trials if trial.score is None)
    assert _trial_processes() == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kerastuners_own_workers_take_trials_from_a_chief(examples, tmp_path):
    tuning = {"algorithm": "random", "trials": 2, "parameters": RATES, "epochs": 1}
    search = made_search(examples, tmp_path, tuning)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port)}
    search.write()
    chief_code = "import sys; from pipeline.tuning.run import *; make_tuner(Search.read(sys.argv[1])).search()"
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=os.environ | environment | {"KERASTUNER_TUNER_ID": name})
        for name, command in (
            ("chief", [sys.executable, "-c", chief_code, search.folder]),
            ("worker-1", [sys.executable, "-m", "darkroom.cli", "tune", "--join", search.folder]),
        )
    ]
    try:
        assert [process.wait(500) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    report = TuningReport.read(search.folder)
    assert [trial.score is not None for trial in report.trials] == [True, True]


def test_a_worker_without_kerastuners_variables_is_told_which(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker-1")
    with pytest.raises(ConfigurationError, match="KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT is missing"):
        join(str(tmp_path))
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")
    with pytest.raises(ConfigurationError, match="There is no search in"):
        join(str(tmp_path))
