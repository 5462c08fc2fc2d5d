"""The process's own log as JSON."""

import json
import logging
import signal

import pytest

from serving.gateway.process_log import JsonFormatter
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.process import ServeProcess
from tests.serving.gateway.running import running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)


@pytest.fixture
def written():
    """Lines of all messages, as they come."""
    lines = []

    class Collector(logging.Handler):
        def emit(self, record):
            lines.append(json.loads(self.format(record)))

    handler = Collector()
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)


def test_a_message_has_the_request_and_the_trace_it_belongs_to(backend, written, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("a bug")

    monkeypatch.setattr("serving.gateway.core.GatewayCore._note_answer", fail)
    trace = "0af7651916cd43dd8448eb211c80319c"
    with running_gateway(backend.address) as gateway:
        answer = gateway.post(RED, x_request_id="my-id", traceparent=f"00-{trace}-b7ad6b7169203331-01")

    logging.getLogger("tests").warning("on its own")

    assert answer.status_code == 500
    (line,) = [line for line in written if line["level"] == "ERROR"]
    assert (line["event"], line["request_id"], line["trace_id"]) == ("log", "my-id", trace)
    assert "RuntimeError: a bug" in line["exception"]
    assert written[-1]["message"] == "on its own"
    assert "request_id" not in written[-1]


def test_stderr_is_json_alone_where_that_is_wanted(backend, tmp_path):
    (tmp_path / "darkroom.yaml").write_text("serving: {log: {format: json}}\n")
    arguments = ["--config", "darkroom.yaml", "--backend", backend.address, "--model-name", "pets"]
    with ServeProcess(arguments, stderr_path=tmp_path / "stderr", cwd=tmp_path) as serve:
        serve.wait_until_ready()
        serve.predict(RED)
        assert serve.stop(signal.SIGTERM) == 0

    lines = [json.loads(line) for line in (tmp_path / "stderr").read_text().splitlines()]
    assert {line["event"] for line in lines} == {"log", "request"}
    messages = " ".join(line.get("message", "") for line in lines)
    assert "Gateway: REST" in messages
    assert "Stopped." in messages
