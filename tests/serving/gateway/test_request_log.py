import json

import pytest

from serving.gateway.request_log import RequestLog
from serving.gateway.settings import LogSettings
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)


@pytest.fixture
def lines(backend, tmp_path):
    def run(which, *bodies):
        path = tmp_path / f"{which}.jsonl"
        with running_gateway(backend.address, log={"requests": which, "path": str(path)}) as gateway:
            for body in bodies:
                gateway.post(body, x_request_id="my-id")
        return [json.loads(line) for line in path.read_text().splitlines()]

    return run


def test_each_request_is_a_line_of_json_without_the_image(lines, tmp_path):
    good, bad = lines("all", RED, b"text")

    assert (good["request_id"], good["code"], good["model"], good["version"]) == ("my-id", "OK", "pets", 1)
    assert (good["images"], good["image_bytes"], good["formats"]) == (1, len(RED), ["png"])
    assert (bad["code"], bad["reason"], bad["http_status"]) == ("INVALID_ARGUMENT", "unknown_format", 400)
    assert "PNG" not in (tmp_path / "all.jsonl").read_text()


def test_only_errors_when_only_errors_are_wanted(lines):
    assert [line["code"] for line in lines("errors", RED, b"text")] == ["INVALID_ARGUMENT"]


def test_a_log_that_cannot_be_written_costs_no_request(backend):
    with running_gateway(backend.address, log={"requests": "all", "path": "/dev/full"}) as gateway:
        assert gateway.post(RED).status_code == 200
        assert "darkroom_gateway_request_log_failures 1.0" in gateway.get("/metrics").text


def test_what_comes_after_the_end_is_counted(tmp_path):
    log = RequestLog(LogSettings(path=str(tmp_path / "log")))
    log.write_shed(3)
    log.close()
    log.write_shed(4)
    assert (log.failures, json.loads((tmp_path / "log").read_text())["requests"]) == (1, 3)
