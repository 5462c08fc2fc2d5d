"""`darkroom serve`: what it says, what it reads, and how it fails."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.serving.gateway.pictures import RED
from tests.serving.gateway.process import ServeProcess

pytest_plugins = ("tests.serving.gateway.fixtures",)


def serve(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "darkroom.cli", "serve", "--rest-port", "0", "--grpc-port", "0", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_people_read_addresses_and_an_example_that_works(served):
    text = served.stderr_path.read_text()
    assert f"http://{served.rest}" in text
    assert "Ready: model pets, version 1" in text
    command = next(line.strip() for line in text.splitlines() if line.strip().startswith("curl "))
    done = subprocess.run(
        command.replace("@IMAGE.png", "@-").replace("top_k=3", "top_k=2"),
        shell=True,
        input=RED,
        capture_output=True,
        check=True,
        timeout=30,
    )

    assert json.loads(done.stdout)["predictions"][0]["label"] == "cat"


@pytest.mark.parametrize(
    ("make", "arguments", "text"),
    [
        ((), ("nowhere",), "no model repository"),
        (("models",), ("models",), "no pushed model"),
        (("models/pets",), ("models",), "no pushed model"),
        (("models/pets/1",), ("models", "--model-name", "birds"), "no pushed version of model 'birds'"),
    ],
)
def test_no_model_is_an_error_that_says_what_to_do(tmp_path, make, arguments, text):
    for folder in make:
        (tmp_path / folder).mkdir(parents=True)
    done = serve(*arguments, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
    assert "darkroom run" in done.stderr


def test_several_models_need_a_name(tmp_path):
    for name in ("pets", "birds"):
        (tmp_path / name / "1").mkdir(parents=True)
    done = serve(tmp_path)

    assert done.returncode == 2
    assert "birds, pets" in done.stderr


@pytest.mark.slow
def test_a_gateway_that_waits_is_ready_with_the_first_push(repository, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    arguments = [str(models), "--model-name", "pets", "--wait-for-model"]
    with ServeProcess(arguments, stderr_path=tmp_path / "stderr") as process:
        assert process.predict(RED).status_code == 503
        shutil.copytree(repository / "pets", tmp_path / "staged")
        (tmp_path / "staged").rename(models / "pets")
        process.wait_until_ready()
        assert process.predict(RED).json()["predictions"][0]["label"] == "cat"


def test_waiting_needs_the_name_of_what_is_waited_for(tmp_path):
    done = serve(tmp_path, "--wait-for-model")

    assert done.returncode == 2
    assert "--model-name" in done.stderr


def test_nothing_to_serve_says_how_to_name_it(tmp_path):
    done = serve(cwd=tmp_path)

    assert done.returncode == 2
    assert "darkroom serve REPOSITORY" in done.stderr


def test_a_backend_needs_a_model_name(tmp_path):
    done = serve("--backend", "127.0.0.1:1", cwd=tmp_path)

    assert done.returncode == 2
    assert "--model-name" in done.stderr


def test_a_taken_port_is_named(backend, tmp_path):
    done = serve("--backend", backend.address, "--model-name", "pets", "--rest-port", backend.port, cwd=tmp_path)

    assert done.returncode == 1
    assert str(backend.port) in done.stderr
    assert "Traceback" not in done.stderr


def test_configuration_names_model_repository_and_settings(tmp_path):
    (tmp_path / "darkroom.yaml").write_text("model: {name: birds}\npush: {repository: out}\nserving: {top_k: 3}\n")
    done = serve(cwd=tmp_path)

    assert done.returncode == 2
    assert str(tmp_path / "out") in done.stderr


def test_configured_backend_is_used(backend, tmp_path):
    (tmp_path / "darkroom.yaml").write_text(
        "push: {repository: 's3://models/pets'}\n"  # of no interest where servers run already
        f"model: {{name: pets}}\nserving: {{backends: ['{backend.address}'], top_k: 1}}\n"
    )
    with ServeProcess([], stderr_path=tmp_path / "stderr", cwd=tmp_path) as process:
        process.wait_until_ready()

        assert len(process.predict(RED).json()["predictions"][0]["top_k"]) == 1
        assert process.stop() == 0
    assert "Stopped." in (tmp_path / "stderr").read_text()
