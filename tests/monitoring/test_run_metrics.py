"""What a real Pushgateway holds after runs."""

import dataclasses

import pytest

from pipeline.runs import run_metrics
from pipeline.runs.run_metrics import push
from tests.darkroom.command import darkroom
from tests.monitoring.runs import FACTS, failed, held, pushed, refused

pytest_plugins = ("tests.monitoring.programs",)


def test_a_run_that_pushed_tells_everything(pushgateway):
    push(pushgateway, pushed("whole", finished=1000.0))

    found = held(pushgateway, "whole")
    assert found[run_metrics.OUTCOME, "pushed"] == 1
    assert found[run_metrics.OUTCOME, "failed"] == 0
    assert found[run_metrics.FINISHED,] == found[run_metrics.PUSHED,] == 1000
    assert found[run_metrics.DURATION,] == 40
    assert found[run_metrics.COMPONENT_SECONDS, "Trainer"] == 31
    assert found[run_metrics.IMAGES, "train"] == 80
    assert (found[run_metrics.QUARANTINED,], found[run_metrics.EPOCHS,]) == (3, 12)
    assert (found[run_metrics.METRIC, "accuracy"], found[run_metrics.BASELINE_METRIC, "accuracy"]) == (0.93, 0.91)
    assert found[run_metrics.DRIFT, "drift", "brightness", "jensen_shannon"] == 0.2
    assert (found[run_metrics.BLESSED,], found[run_metrics.PUSHED_VERSION,]) == (1, 7)


def test_a_failed_run_leaves_what_the_run_before_found(pushgateway):
    push(pushgateway, pushed("then-failed", finished=1000.0))
    push(pushgateway, failed("then-failed"))

    found = held(pushgateway, "then-failed")
    assert (found[run_metrics.OUTCOME, "failed"], found[run_metrics.OUTCOME, "pushed"]) == (1, 0)
    assert (found[run_metrics.FINISHED,] > 1000, found[run_metrics.PUSHED,]) == (True, 1000)
    assert found[run_metrics.METRIC, "accuracy"] == 0.93


def test_what_happens_in_a_row_is_counted_and_begins_again(pushgateway):
    counts = []
    for run in (refused, failed, failed, refused, pushed):
        push(pushgateway, run("row"))
        found = held(pushgateway, "row")
        counts.append((found[run_metrics.NOT_BLESSED_IN_A_ROW,], found[run_metrics.FAILED_IN_A_ROW,]))

    assert counts == [(1, 0), (1, 1), (1, 2), (2, 0), (0, 0)]


def test_a_cached_run_makes_the_model_no_younger(pushgateway):
    push(pushgateway, pushed("cached", finished=1000.0))
    push(pushgateway, pushed("cached", finished=2000.0))
    assert held(pushgateway, "cached")[run_metrics.PUSHED,] == 1000

    push(pushgateway, pushed("cached", finished=3000.0, facts=dataclasses.replace(FACTS, pushed_version=8)))
    assert held(pushgateway, "cached")[run_metrics.PUSHED,] == 3000


def test_models_have_values_of_their_own(pushgateway):
    push(pushgateway, pushed("one/with slash"))
    push(pushgateway, failed("other"))

    assert held(pushgateway, "one/with slash")[run_metrics.FAILED_IN_A_ROW,] == 0
    assert held(pushgateway, "other")[run_metrics.FAILED_IN_A_ROW,] == 1


@pytest.fixture
def project(tmp_path):
    (tmp_path / "darkroom.yaml").write_text("model: {name: no-images}\ndata: {images: missing}\n")
    return tmp_path / "darkroom.yaml"


def test_the_command_tells_of_a_run_that_failed(pushgateway, project):
    ended = darkroom("run", "-c", project, "--set", f"pipeline.pushgateway={pushgateway}")

    assert ended.returncode == 2
    found = held(pushgateway, "no-images")
    assert (found[run_metrics.OUTCOME, "bad_input"], found[run_metrics.FAILED_IN_A_ROW,]) == (1, 1)


def test_a_pushgateway_that_is_gone_is_a_warning_beside_the_runs_own_outcome(project):
    ended = darkroom("run", "-c", project, "--set", "pipeline.pushgateway=http://127.0.0.1:9")

    assert ended.returncode == 2
    assert "Warning: pipeline.pushgateway: the run's metrics were not pushed to http://127.0.0.1:9" in ended.stderr
    assert "missing" in ended.stderr
