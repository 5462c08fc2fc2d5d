"""Where a training's processes are started."""

from types import SimpleNamespace

import pytest

from darkroom.configuration.load import parse_configuration
from pipeline.distribution.launcher import launching_with
from pipeline.training.options import OPTIONS_KEY, TrainerOptions
from pipeline.training.run import run_fn


class Launcher:
    """Keeps the jobs that it is to run."""

    def __init__(self):
        self.jobs = []

    def run(self, job):
        self.jobs.append(job)


@pytest.fixture
def arguments(tmp_path):
    """TFX's, for a training under a strategy."""

    def make(distribution):
        text = f"training: {{distribution: {distribution}}}\nmodel: {{small_cnn: {{}}}}\n"
        config = parse_configuration(text, tmp_path / "darkroom.yaml")
        options = TrainerOptions.from_configuration(config, "0").model_dump_json()
        names = ("train_files", "eval_files", "transform_output", "base_model", "hyperparameters", "serving_model_dir")
        given = dict.fromkeys(names) | {"train_files": ["/train/*"], "model_run_dir": "/run"}
        return SimpleNamespace(**given, custom_config={OPTIONS_KEY: options})

    return make


def test_workers_of_a_cluster_are_started_there(arguments):
    launcher, given = Launcher(), arguments("{strategy: multi_worker}")
    with launching_with(launcher):
        run_fn(given)
    [job] = launcher.jobs
    assert job.function == "pipeline.training.run.train"
    assert job.argument == vars(given)


def test_workers_of_this_machine_are_not(arguments, monkeypatch):
    launcher, here = Launcher(), []
    monkeypatch.setattr("pipeline.training.run.run_job", lambda job, clusters: here.append((job, clusters)))
    with launching_with(launcher):
        run_fn(arguments("{strategy: multi_worker, workers: 2}"))
    assert launcher.jobs == []
    [(job, clusters)] = here
    assert (job.workers_here, len(clusters)) == (2, 2)
