"""`darkroom tune` and a run that uses what it found. The runs share one project, in the order of a user's work."""

import json
import re

import pytest
import tensorflow as tf

from tests.darkroom.command import darkroom
from tests.pipeline.image_sets import write_digits

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

QUICK = ("--set", "training.epochs=2", "--set", "model.small_cnn.filters=[8]", "--set", "evaluation.min_accuracy=0")
SEARCH = ("--set", "tuning.algorithm=random", "--set", "tuning.trials=2", "--set", "tuning.epochs=1")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    made = darkroom("init", write_digits(root / "images"), "-o", root, "--name", "digits")
    assert made.returncode == 0, made.stderr
    return root / "darkroom.yaml"


@pytest.fixture(scope="module")
def searched(project):
    return darkroom("tune", "-c", project, "--json", *QUICK, *SEARCH, timeout=500)


@pytest.fixture(scope="module")
def report(searched):
    assert searched.returncode == 0, searched.stderr
    return json.loads(searched.stdout)


def test_trials_are_ranked_and_the_best_is_said(searched, report):
    scores = [trial["score"] for trial in report["trials"]]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)
    assert report["best"] == report["trials"][0]["values"]
    assert len(re.findall(r"trial \d  learning_rate .* val_accuracy \d\.\d+  1 epochs", searched.stderr)) == 2
    for key, value in report["best"].items():
        assert f"--set {key}={json.dumps(value)}" in searched.stderr
    assert re.search(r"as configured", searched.stderr)


def test_a_run_uses_what_was_found_without_searching_again(project, report):
    run = darkroom("run", "-c", project, "--json", *QUICK, *SEARCH, "--set", "tuning.enabled=true", timeout=500)
    assert run.returncode == 0, run.stderr
    assert re.search(r"↺ Tuner +cached", run.stderr)
    summary = json.loads(run.stdout)
    assert summary["tuned"] == report["best"]
    with tf.io.gfile.GFile(f"{summary['pushed_to']}/assets.extra/darkroom.json") as file:
        description = json.load(file)
    used = description["training"]["options"] | {"dropout": description["training"]["model"]["dropout"]}
    assert {key: used[key.rpartition(".")[2]] for key in report["best"]} == report["best"]


def test_a_wrong_range_is_told_before_anything_runs(project):
    wrong = darkroom("tune", "-c", project, "--set", "tuning.parameters={training.lerning_rate: [1]}")
    assert wrong.returncode == 2
    assert "did you mean training.learning_rate?" in wrong.stderr
