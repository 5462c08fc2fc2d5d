"""Stopping without losing a request."""

import asyncio
import contextlib
import signal
import threading
import time

import httpx

from tests.serving.gateway.pictures import RED
from tests.serving.gateway.process import ServeProcess
from tests.serving.gateway.running import eventually, running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)


def test_sigterm_turns_unready_first_finishes_requests_and_exits_0(backend, tmp_path):
    backend.sleep(1.5)
    arguments = ["--backend", backend.address, "--model-name", "pets"]
    with ServeProcess(arguments, stderr_path=tmp_path / "stderr") as serve:
        serve.wait_until_ready()
        answers = []
        asking = threading.Thread(target=lambda: answers.append(serve.predict(RED)))
        asking.start()
        eventually(lambda: backend.requests)
        serve.process.send_signal(signal.SIGTERM)
        eventually(lambda: serve.get("/readyz").status_code == 503, 2)

        assert serve.get("/livez").status_code == 200
        late = serve.predict(RED)
        assert (late.status_code, late.json()["code"]) == (503, "UNAVAILABLE")
        asking.join(10)
        assert answers[0].status_code == 200
        assert serve.process.wait(10) == 0
    assert "Stopping" in (tmp_path / "stderr").read_text()


def test_a_second_signal_does_not_wait(backend, tmp_path):
    backend.sleep(20)
    arguments = ["--backend", backend.address, "--model-name", "pets"]
    with ServeProcess(arguments, stderr_path=tmp_path / "stderr") as serve:
        serve.wait_until_ready()

        def ask():
            with contextlib.suppress(httpx.HTTPError):  # the connection is cut, which is the point
                serve.predict(RED)

        asking = threading.Thread(target=ask)
        asking.start()
        eventually(lambda: backend.requests)
        serve.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        serve.process.send_signal(signal.SIGINT)

        assert serve.process.wait(5) == 0
        asking.join(5)


def test_requests_are_still_taken_during_the_drain_delay(backend):
    with running_gateway(backend.address, drain_delay_seconds=1.0) as gateway:
        draining = asyncio.run_coroutine_threadsafe(gateway.gateway.drain(), gateway.loop)
        eventually(lambda: gateway.get("/readyz").status_code == 503, 1)

        assert gateway.post(RED).status_code == 200
        assert draining.result(10)


def test_requests_that_take_too_long_are_given_up(backend):
    backend.sleep(20)
    with running_gateway(backend.address, drain_seconds=0.3) as gateway:

        def ask():
            with contextlib.suppress(httpx.HTTPError):  # the connection is cut, which is the point
                gateway.post(RED)

        asking = threading.Thread(target=ask)
        asking.start()
        eventually(lambda: backend.requests)
        started = time.monotonic()

        assert gateway.run(gateway.gateway.drain()) is False
        assert time.monotonic() - started < 4
        asking.join(5)
