"""The last step of runs that did not come far."""

import json

import pytest

from darkroom.configuration.load import parse_configuration
from pipeline.container_steps.finish import finish
from pipeline.container_steps.notes import StepNote
from pipeline.container_steps.outputs import StepOutputs
from pipeline.container_steps.turn import take_turn
from pipeline.runs.run_metrics import Outcome
from pipeline.triggers import Decision

TRAIN = StepNote(outcome=Outcome.FAILED, sentence="Started by manual trigger.", decision=Decision.TRAIN, started=1.0)


@pytest.fixture
def config(tmp_path):
    return parse_configuration("model: {name: pets}\n", tmp_path / "darkroom.yaml")


def finished(config, tmp_path):
    """The outcome, and the page."""
    outputs = StepOutputs({"report": tmp_path / "page.html"})
    return finish(config, "run-1", outputs), (tmp_path / "page.html").read_text()


def test_a_run_whose_first_step_was_ended_failed(config, tmp_path):
    outcome, page = finished(config, tmp_path)
    assert outcome is Outcome.FAILED
    assert "Prepare did not come to its end." in page


def test_a_run_with_nothing_new_says_so(config, tmp_path):
    note = StepNote(outcome=Outcome.NOTHING_NEW, sentence="As <before>.", decision=Decision.NOTHING_NEW, started=1.0)
    note.write(config, "run-1", "Prepare")
    outcome, page = finished(config, tmp_path)
    assert outcome is Outcome.NOTHING_NEW
    assert "As &lt;before&gt;." in page


def test_a_component_that_could_not_begin_is_named(config, tmp_path):
    TRAIN.write(config, "run-1", "Prepare")
    StepNote(outcome=Outcome.BAD_INPUT, sentence="ImageExampleGen: no images").write(config, "run-1", "ImageExampleGen")
    outcome, page = finished(config, tmp_path)
    assert outcome is Outcome.BAD_INPUT
    assert "ImageExampleGen: no images" in page


def test_a_run_without_a_trace_failed(config, tmp_path):
    TRAIN.write(config, "run-1", "Prepare")
    outcome, page = finished(config, tmp_path)
    assert outcome is Outcome.FAILED
    assert "No component came to its end." in page


def test_records_that_cannot_be_read_do_not_keep_it_from_telling(tmp_path):
    text = "pipeline: {metadata: {host: 127.0.0.1, port: 1}}\n"
    config = parse_configuration(text, tmp_path / "darkroom.yaml")
    assert finished(config, tmp_path)[0] is Outcome.FAILED


def test_the_next_run_may_begin(config, tmp_path):
    assert take_turn(config, "run-1") is None
    finished(config, tmp_path)
    assert take_turn(config, "run-2") is None


def test_kubeflow_is_told_where_it_wants_to_be(config, tmp_path):
    target = tmp_path / "kubeflow" / "output.json"
    artifact = {"name": "report", "uri": "minio://x/report", "type": {"schemaTitle": "system.HTML"}, "metadata": {}}
    asked = {"outputs": {"artifacts": {"report": {"artifacts": [artifact]}}, "outputFile": str(target)}}
    finish(config, "run-1", StepOutputs({"report": tmp_path / "page.html"}, json.dumps(asked)))
    [described] = json.loads(target.read_text())["artifacts"]["report"]["artifacts"]
    assert (described["name"], described["uri"]) == ("report", "minio://x/report")
    assert described["metadata"]["outcome"] == "failed"
