"""Runs as traces, received by a real OTLP collector."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.runs.past_run import PastRun
from pipeline.runs.records import ArtifactRecord, NodeRecord, RecordedState
from pipeline.runs.run_trace import SERVICE, send_trace
from tests.serving.collector import Collector

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def node(number, state, outputs=None):
    return NodeRecord(number, state, START + timedelta(seconds=10 * number), 5.0, {}, {}, outputs or {})


def run(nodes):
    return PastRun("run-1", "pets", START, START + timedelta(seconds=60), nodes, None)


@pytest.fixture
def collector():
    running = Collector()
    yield running
    running.stop()


def test_a_run_is_a_span_with_one_in_it_for_each_component(collector):
    pushed = {"pushed_model": [ArtifactRecord(1, "PushedModel", "/m", {"pushed": 1, "pushed_version": "7"})]}
    nodes = {"Trainer": node(1, RecordedState.DONE), "ModelPusher": node(2, RecordedState.CACHED, pushed)}
    send_trace(run(nodes), "pets", collector.endpoint)
    [whole] = collector.named("run pets")
    attributes = {item.key: item.value for item in whole.attributes}
    assert attributes["darkroom.run_id"].string_value == "run-1"
    assert attributes["darkroom.outcome"].string_value == "pushed as 7"
    assert attributes["darkroom.pushed_version"].int_value == 7
    [trainer] = collector.named("Trainer")
    assert (trainer.parent_span_id, trainer.trace_id) == (whole.span_id, whole.trace_id)
    assert trainer.start_time_unix_nano == int((START.timestamp() + 10) * 1e9)
    assert trainer.end_time_unix_nano - trainer.start_time_unix_nano == 5_000_000_000
    assert len(collector.spans) == 3
    assert collector.resources[0]["service.name"] == SERVICE


def test_a_component_that_failed_is_an_error(collector):
    send_trace(run({"Trainer": node(1, RecordedState.FAILED)}), "pets", collector.endpoint)
    [whole], [trainer] = collector.named("run pets"), collector.named("Trainer")
    assert (whole.status.code, trainer.status.code) == (2, 2)
    assert whole.status.message == "failed in Trainer"


def test_a_collector_that_is_away_is_an_error_that_names_it(monkeypatch):
    monkeypatch.setattr("pipeline.runs.run_trace._TIMEOUT_SECONDS", 0.3)
    with pytest.raises(OSError, match=r"http://127\.0\.0\.1:1 did not take"):
        send_trace(run({}), "pets", "http://127.0.0.1:1")
