"""The gateway as a process: what it is made of, how it starts, and what it does when its model server dies."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import eventually, running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)


def test_no_module_of_the_gateway_imports_tensorflow():
    code = (
        "import sys, pkgutil, importlib, serving.gateway, serving.client\n"
        "for package in (serving.gateway, serving.client):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "import darkroom.cli.serve, darkroom.cli.predict\n"
        "print('tensorflow' in sys.modules, 'PIL.Image' in sys.modules)"
    )

    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert output.stdout.split() == ["False", "False"]


def test_the_running_gateway_has_no_tensorflow_and_stays_small(served):
    assert served.predict(RED).status_code == 200

    maps = Path(f"/proc/{served.process.pid}/maps").read_text()
    assert "tensorflow" not in maps
    assert int(served.status()["VmHWM"].split()[0]) < 120 * 1024


def test_it_lives_before_the_model_is_ready(served):
    assert served.at_listening == (200, 503)
    assert served.ready_event == {"event": "ready", "model": "pets", "version": 1}
    assert served.get("/readyz").json() == {"status": "ready", "model": "pets", "version": "1"}


@pytest.mark.slow
def test_a_model_server_killed_under_load_is_started_again(served):
    (child,) = served.children()
    back = threading.Event()
    answers: list[tuple[int, float]] = []

    def ask():
        while not back.is_set():
            asked = time.monotonic()
            status = served.predict(RED).status_code
            answers.append((status, time.monotonic() - asked))
            time.sleep(0.02 if status == 200 else 0.2)

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask) for _ in range(4)]
        try:
            eventually(lambda: len(answers) > 20)
            os.kill(child, signal.SIGKILL)
            eventually(lambda: served.get("/readyz").status_code == 503, 5)
            eventually(lambda: served.get("/readyz").status_code == 200, 90)
        finally:
            back.set()
        for asked in asking:
            asked.result()

    assert {status for status, _ in answers} == {200, 503}
    assert max(seconds for _, seconds in answers) < 10
    assert served.predict(RED).status_code == 200
    assert served.children() != [child]
    assert "darkroom_gateway_model_server_restarts_total 1.0" in served.get("/metrics").text


def test_a_model_server_that_cannot_start_leaves_the_gateway_alive_and_unready():
    command = [sys.executable, "-c", "print('no event'); raise SystemExit(3)"]
    with running_gateway(wait_ready=False, model_server_command=command) as gateway:
        eventually(lambda: "restarts_total 1.0" in gateway.get("/metrics").text, 5)

        assert (gateway.get("/livez").status_code, gateway.get("/readyz").status_code) == (200, 503)
        assert gateway.post(RED).status_code == 503


def test_a_model_server_that_ignores_sigterm_is_killed(monkeypatch):
    monkeypatch.setattr("serving.gateway.supervisor._STOP_SECONDS", 0.3)
    command = [
        sys.executable,
        "-uc",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        'print(\'{"event": "listening", "grpc_port": 1}\'); time.sleep(60)',
    ]
    with running_gateway(wait_ready=False, model_server_command=command) as gateway:
        eventually(lambda: "127.0.0.1:1" in gateway.get("/readyz").text, 5)
        pid = gateway.gateway.supervisor.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
