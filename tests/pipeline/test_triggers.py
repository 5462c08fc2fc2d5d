"""Whether a run that is started for a new span has one."""

from datetime import UTC, datetime

import pytest

from darkroom.configuration.load import parse_configuration
from darkroom.errors import ConfigurationError, DataError
from pipeline import triggers
from pipeline.runs.past_run import PastRun
from pipeline.runs.records import ArtifactRecord, NodeRecord, RecordedState
from pipeline.triggers import Decision, Trigger, decide

NOW = datetime.now(UTC)


def node(outputs):
    records = {key: [ArtifactRecord(1, "T", "/a", properties)] for key, properties in outputs.items()}
    return NodeRecord(1, RecordedState.DONE, NOW, 0.0, properties={}, inputs={}, outputs=records)


def run_of(*, blessed=0, **examples):
    """One that came to a result with some spans."""
    nodes = {
        "ImageExampleGen": node({"examples": examples}),
        "Evaluator": node({"blessing": {"blessed": blessed} if blessed is not None else {}}),
    }
    if blessed is None:
        del nodes["Evaluator"]
    return PastRun(run_id="r", pipeline="p", started=NOW, ended=NOW, nodes=nodes, facts=None)


@pytest.fixture
def decided(tmp_path, monkeypatch):
    """Decides for images in `span-*`, after some runs."""

    def ask(folders, runs, pattern="span-{SPAN}", **data):
        for folder in folders:
            (tmp_path / folder).mkdir(parents=True)
        pairs = [f"data.{key}={value}" for key, value in data.items()]
        config = parse_configuration(f"data: {{images: '{pattern}'}}\n", tmp_path / "darkroom.yaml", pairs)
        monkeypatch.setattr(triggers.RunHistory, "runs", lambda _: runs)
        return decide(config, Trigger.SPAN)

    return ask


def test_the_first_span_is_new(decided):
    assert decided(["span-1"], []) == (Decision.TRAIN, "No run with a result has taken span 1.")


def test_a_span_that_came_later_is_new(decided):
    decision, sentence = decided(["span-1", "span-2"], [run_of(spans="1")], span="all")
    assert decision is Decision.TRAIN
    assert sentence.endswith("taken span 2.")


def test_no_new_span_is_nothing_to_do(decided):
    decision, sentence = decided(["span-1", "span-2"], [run_of(spans="2"), run_of(spans="1")], span="all")
    assert decision is Decision.NOTHING_NEW
    assert sentence == "Runs have taken every span up to 2 already: nothing was trained."


def test_spans_that_a_run_would_not_take_do_not_count(decided):
    assert decided(["span-1", "span-2"], [run_of(spans="2")])[0] is Decision.NOTHING_NEW


def test_a_span_that_only_a_failed_run_took_is_new(decided):
    assert decided(["span-1"], [run_of(spans="1", blessed=None)])[0] is Decision.TRAIN


def test_a_new_version_of_a_span_is_new(decided):
    seen = [run_of(spans="1", span_versions="1 version 1")]
    decision, sentence = decided(["1/v1", "1/v2"], seen, pattern="{SPAN}/v{VERSION}")
    assert decision is Decision.TRAIN
    assert sentence.endswith("taken span 1 version 2.")


def test_images_without_spans_are_refused(decided):
    with pytest.raises(ConfigurationError, match=r"trigger span: \S+images does not come in spans"):
        decided([], [], pattern="images")


def test_no_span_at_all_is_an_error(decided):
    with pytest.raises(DataError, match="no span yet"):
        decided([], [])
