"""The command as a process: its one line on stdout, its signals, its parent."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time

import grpc
import httpx
import pytest

from serving.protos import get_model_status_pb2, model_service_pb2_grpc
from tests.serving.model_server.running import push, wait_until

COMMAND = [sys.executable, "-c", "from darkroom.cli import main; main()", "model-server"]


def begin(*arguments, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **options
    )


def listening(process) -> dict:
    event = json.loads(process.stdout.readline())
    assert event["event"] == "listening"
    return event


@pytest.fixture
def process():
    started = []

    def run(*arguments, **options):
        started.append(begin(*arguments, **options))
        return started[-1]

    yield run
    for child in started:
        if child.poll() is None:
            child.kill()
        child.wait(10)
        child.stdout.close()


def test_help_needs_no_tensorflow_and_is_quick():
    start = time.monotonic()
    text = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True, timeout=30).stdout
    assert "--model-base-path" in text
    assert time.monotonic() - start < 3


def test_it_listens_at_once_and_ends_with_exit_code_0_on_sigterm(process, tmp_path):
    child = process("--model_base_path", str(tmp_path), "--port=0", "--rest_api_port=0")  # TF Serving's spelling
    ports = listening(child)
    answer = httpx.get(f"http://127.0.0.1:{ports['rest_port']}/v1/models/default")
    assert answer.status_code == 404
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 0
    assert child.stdout.read() == ""


def test_it_ends_when_its_parent_does(tmp_path):
    code = textwrap.dedent(f"""
        import os, subprocess
        arguments = ["--model-base-path", {str(tmp_path)!r}, "--port", "0", "--rest-api-port", "0"]
        child = subprocess.Popen({COMMAND!r} + arguments + ["--exit-with-parent"], stdout=subprocess.PIPE, text=True)
        print(child.pid, child.stdout.readline(), flush=True)
        os._exit(0)
    """)
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    pid, event = parent.stdout.split(" ", 1)
    port = json.loads(event)["rest_port"]

    def gone() -> bool:
        try:
            httpx.get(f"http://127.0.0.1:{port}/")
        except httpx.TransportError:
            return True
        return False

    try:
        wait_until(gone, 15)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


@pytest.mark.parametrize("flag", ["--port", "--rest-api-port"])
def test_a_taken_port_is_named_and_the_exit_code_is_1(tmp_path, flag):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = {"--port": "0", "--rest-api-port": "0", flag: str(port), "--model-base-path": str(tmp_path)}
        result = subprocess.run(
            [*COMMAND, *(word for pair in arguments.items() for word in pair)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert result.returncode == 1
    assert result.stdout == ""
    assert f"Cannot listen on 127.0.0.1:{port}" in result.stderr


def test_an_unknown_flag_is_an_error(tmp_path):
    result = subprocess.run(
        [*COMMAND, "--model-base-path", str(tmp_path), "--prot=1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert "No such option" in result.stderr
    assert "--prot" in result.stderr


@pytest.mark.slow
def test_sigterm_drains_a_request_under_way(process, tmp_path, model_store):
    push(model_store("generic"), tmp_path / "generic", 1)
    child = process("--model-base-path", str(tmp_path), "--port", "0", "--rest-api-port", "0")
    base = f"http://127.0.0.1:{listening(child)['rest_port']}/v1/models/generic"
    wait_until(lambda: "AVAILABLE" in httpx.get(base).text)
    body = {"signature_name": "slow", "inputs": 2.0}
    answers = []
    asking = threading.Thread(target=lambda: answers.append(httpx.post(f"{base}:predict", json=body, timeout=30)))
    asking.start()
    time.sleep(0.7)
    child.send_signal(signal.SIGTERM)
    asking.join()
    assert answers[0].json() == {"outputs": 2.0}
    assert child.wait(15) == 0


EXECUTABLE = [
    sys.executable,
    "-c",
    "from darkroom.cli.model_server import tensorflow_model_server; tensorflow_model_server()",
]


@pytest.mark.slow
def test_the_executable_takes_a_whole_tf_serving_command_line(tmp_path, model_store):
    for name, version in (("half_plus_two", 1), ("half_plus_three", 2)):
        push(model_store(name), tmp_path / "models" / "m", version)
    (tmp_path / "models.config").write_text(f"""
        model_config_list {{ config {{
          name: "m" base_path: "{tmp_path}/models/m" model_platform: "tensorflow"
          model_version_policy {{ all {{}} }}
          version_labels {{ key: "stable" value: 1 }}
        }} }}
    """)
    (tmp_path / "batching.config").write_text("max_batch_size { value: 8 } allowed_batch_sizes: 8")
    (tmp_path / "monitoring.config").write_text('prometheus_config { enable: true path: "/metrics" }')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        rest_port = free.getsockname()[1]
    child = subprocess.Popen(
        [
            *EXECUTABLE,
            *("--port=0", f"--rest_api_port={rest_port}", "--rest_api_timeout_in_ms=20000"),
            *("--model_name=ignored", "--model_base_path=/ignored"),
            *(f"--model_config_file={tmp_path}/models.config", "--model_config_file_poll_wait_seconds=1"),
            "--file_system_poll_wait_seconds=1",
            f"--monitoring_config_file={tmp_path}/monitoring.config",
            *("--enable_batching", f"--batching_parameters_file={tmp_path}/batching.config"),
            "--allow_version_labels_for_unavailable_models=true",
            f"--grpc_socket_path={tmp_path}/grpc.sock",
            "--grpc_channel_arguments=grpc.max_connection_age_ms=200000",
            *("--enable_model_warmup=true", "--num_request_iterations_for_warmup=2"),
            "--host=127.0.0.1",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert listening(child) == {"event": "listening", "grpc_port": None, "rest_port": rest_port}
        base = f"http://127.0.0.1:{rest_port}"
        wait_until(lambda: httpx.get(f"{base}/v1/models/m").text.count("AVAILABLE") == 2)
        body = {"instances": [2.0]}
        assert httpx.post(f"{base}/v1/models/m:predict", json=body).json() == {"predictions": [4.0]}
        assert httpx.post(f"{base}/v1/models/m/labels/stable:predict", json=body).json() == {"predictions": [3.0]}
        assert 'processed_batch_size_bucket{le="8"} 2' in httpx.get(f"{base}/metrics").text
        with grpc.insecure_channel(f"unix:{tmp_path}/grpc.sock") as channel:
            request = get_model_status_pb2.GetModelStatusRequest()
            request.model_spec.name = "m"
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            assert len(stub.GetModelStatus(request, timeout=10).model_version_status) == 2
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(10)
        child.stdout.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model_base_path=/x", "--prot=1"], "No such option '--prot'"),
        (["--port=0"], "give --model_base_path or --model_config_file"),
        (["--model_config_file=/absent"], "Cannot read /absent"),
    ],
)
def test_the_executable_says_what_is_wrong_with_its_flags(arguments, words):
    result = subprocess.run([*EXECUTABLE, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr
