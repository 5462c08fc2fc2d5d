"""The configuration changes while the gateway runs."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.configuration import load_configuration
from serving.gateway.configuration_reload import ConfigurationSource
from serving.gateway.embedded_models import EmbeddedModels
from serving.gateway.releases.settings import ReleaseSettings
from serving.model_server.model_config import read_model_config
from serving.model_server.settings import VersionPolicy
from tests.serving.gateway.asking import image_body
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.process import ServeProcess
from tests.serving.gateway.running import eventually, running_gateway
from tests.serving.gateway.test_metrics import samples, value

pytest_plugins = ("tests.serving.gateway.fixtures",)


class Served:
    """`darkroom serve` with a configuration file in front of a scripted model server."""

    def __init__(self, folder: Path, backend, **serving):
        self.path = folder / "darkroom.yaml"
        self._serving = {"backends": [backend.address], "model_name": "pets", "status_poll_seconds": 0.1, **serving}
        self.write()
        self.process = ServeProcess(["--config", str(self.path)], stderr_path=folder / "stderr", cwd=folder)

    def write(self, **changes):
        self.path.write_text(json.dumps({"serving": {**self._serving, **changes}}))

    def version(self):
        return self.process.predict(RED).json()["model"]["version"]

    def log(self):
        return self.process.stderr_path.read_text()

    def hang_up(self):
        self.process.process.send_signal(signal.SIGHUP)

    def reloads(self, result):
        name = f'darkroom_gateway_configuration_reloads_total{{result="{result}"}}'
        lines = self.process.get("/metrics").text.splitlines()
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


@pytest.fixture
def backend(backend):
    backend.loaded = {1, 2, 3}
    return backend


def test_sighup_applies_releases_and_a_wrong_file_changes_nothing(backend, tmp_path):
    served = Served(tmp_path, backend, releases={"stable": 1}, reload_seconds=0)
    with served.process as process:
        process.wait_until_ready()
        assert served.version() == "1"

        served.write(releases={"stable": 2}, top_k=1)
        served.hang_up()
        eventually(lambda: served.reloads("applied") == 1)
        assert served.version() == "2"
        assert "serving.top_k changed, which needs a restart" in served.log()
        assert len(process.predict(RED).json()["predictions"][0]["top_k"]) == 2

        served.write(releases={"stable": 3, "cannary": None})
        served.hang_up()
        eventually(lambda: served.reloads("refused") == 1)
        assert served.version() == "2"
        assert "cannary" in served.log()
        assert "did you mean serving.releases.canary?" in served.log()

        served.path.unlink()
        served.hang_up()
        eventually(lambda: served.reloads("refused") == 2)
        assert served.version() == "2"

        served.write(releases={"stable": 2})
        served.hang_up()
        eventually(lambda: served.reloads("unchanged") == 1)


def test_the_file_is_watched(backend, tmp_path, caplog):
    path = tmp_path / "darkroom.yaml"

    def write(**serving):
        path.write_text(json.dumps({"serving": serving}))

    write()
    source = ConfigurationSource(path, lambda: load_configuration(path).serving)
    with running_gateway(backend.address, configuration=source, reload_seconds=0.05) as gateway:
        assert image_body(gateway) == 3
        write(releases={"stable": 1})
        eventually(lambda: image_body(gateway) == 1)
        path.write_text("serving: [")
        eventually(lambda: "not valid YAML" in caplog.text)
        write(releases={"stable": 2})
        eventually(lambda: image_body(gateway) == 2)
        write()
        eventually(lambda: image_body(gateway) == 3)
        assert value(samples(gateway), "configuration_reloads_total", result="refused") == 1  # once for each content


def test_sighup_without_a_configuration_file_is_no_end(backend, tmp_path):
    arguments = ["--backend", backend.address, "--model-name", "pets"]
    with ServeProcess(arguments, stderr_path=tmp_path / "stderr") as process:
        process.wait_until_ready()
        process.process.send_signal(signal.SIGHUP)
        eventually(lambda: "no configuration file" in (tmp_path / "stderr").read_text())

        assert process.predict(RED).status_code == 200


def test_a_label_that_no_version_has_is_named(tmp_path):
    (tmp_path / "models" / "pets" / "1").mkdir(parents=True)
    (tmp_path / "darkroom.yaml").write_text(
        json.dumps({"push": {"repository": "models"}, "serving": {"releases": {"stable": "best"}}})
    )
    command = [sys.executable, "-m", "darkroom.cli", "serve", "--model-name", "pets"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert "the label 'best', which no version in the repository has" in done.stderr
    assert "darkroom models promote" in done.stderr


def test_the_embedded_model_server_is_told_which_versions_to_load(tmp_path):
    models = EmbeddedModels(tmp_path / "models.config", 'a "name"', tmp_path / "models")
    models.write(ReleaseSettings(stable=3, canary={"target": 4, "weight": 0.1}, shadow={"target": 4}))
    (found,) = read_model_config(models.path)
    assert (found.name, found.base_path) == ('a "name"', tmp_path / "models")
    assert found.version_policy == VersionPolicy("specific", versions=frozenset({3, 4}))
    models.write(None)
    (found,) = read_model_config(models.path)
    assert found.version_policy == VersionPolicy("latest", 1)


def test_the_embedded_model_server_is_told_the_labels(tmp_path):
    labels = {"stable": 3, "previous": 2}
    models = EmbeddedModels(tmp_path / "models.config", "m", tmp_path / "models", lambda: labels)
    models.write(ReleaseSettings(stable=3, canary={"target": 4, "weight": 0.1}))
    (found,) = read_model_config(models.path)
    assert found.version_policy == VersionPolicy("specific", versions=frozenset({2, 3, 4}))
    assert found.version_labels == labels


@pytest.mark.slow
def test_the_embedded_model_server_loads_the_versions_that_releases_name(repository, tmp_path):
    models = tmp_path / "models" / "pets"
    models.mkdir(parents=True)
    for version in ("1", "2", "3"):
        (models / version).symlink_to(repository / "pets" / "1")
    path = tmp_path / "darkroom.yaml"

    def write(**releases):
        serving = {"model_name": "pets", "reload_seconds": 0, "status_poll_seconds": 0.1, "releases": releases}
        path.write_text(json.dumps({"push": {"repository": str(models.parent)}, "serving": serving}))

    write(stable=1, canary={"target": 2, "weight": 1.0})
    process = ServeProcess(
        ["--model-server-log", str(tmp_path / "model-server.log")], stderr_path=tmp_path / "stderr", cwd=tmp_path
    )
    with process:
        process.wait_until_ready()
        eventually(lambda: process.predict(RED).json()["model"]["version"] == "2")
        write(stable=3)
        process.process.send_signal(signal.SIGHUP)
        answered = set()
        while "3" not in answered:
            answer = process.predict(RED)
            assert answer.status_code == 200, answer.text
            answered.add(answer.json()["model"]["version"])
        assert answered <= {"1", "2", "3"}

        def available():
            states = process.get("/v1/models/pets").json()["model_version_status"]
            return {state["version"] for state in states if state["state"] == "AVAILABLE"}

        eventually(lambda: available() == {"3"})
