"""Changes of a repository: the model configuration file, the log, and running model servers."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from darkroom.errors import ConfigurationError, DarkroomError, DataError
from serving.backend_tls.credentials import BackendCredentials
from serving.backend_tls.settings import BackendTlsSettings
from serving.model_repository.model_config_file import MODEL_CONFIG_FILE, labels_of, read_config
from serving.model_repository.model_servers import ModelServers
from serving.model_repository.repository import ModelVersions
from serving.model_server.model_config import read_model_config
from serving.model_server.settings import ModelSettings, VersionPolicy
from serving.model_server.tls import TlsSettings
from tests.serving.certificates import Authority
from tests.serving.model_server.running import RunningServer, wait_until
from tests.serving.model_server.test_versions import EchoRuntime


def entry(storage, tmp_path, model="pets"):
    """What a model server reads."""
    path = tmp_path / "copy.config"
    path.write_bytes(storage.read(MODEL_CONFIG_FILE))
    return {found.name: found for found in read_model_config(path)}[model]


def test_a_promotion_stands_in_the_file_and_in_the_log(storage, add, tmp_path):
    add(storage, 1)
    add(storage, 2)
    versions = ModelVersions(storage, "pets", served_path="/models")
    change = versions.promote(1, why="the best")
    assert (change.before, change.after, change.told) == (None, 1, ())
    found = entry(storage, tmp_path)
    assert found.version_labels == {"stable": 1}
    assert found.version_policy == VersionPolicy("specific", versions=frozenset({1}))
    assert str(found.base_path) == "/models/pets"
    begun, done = versions.history()
    assert (begun.outcome, done.outcome) == ("begun", "done")
    assert (done.action, done.label, done.before, done.after, done.why) == ("promote", "stable", None, 1, "the best")
    assert "@" in done.who


def test_without_labels_the_newest_is_loaded_again(folder, add, tmp_path):
    for version in (1, 2):
        add(folder, version)
    versions = ModelVersions(folder, "pets")
    versions.promote(1)
    versions.promote(None)
    assert versions.labels() == {"stable": 2, "previous": 1}
    assert versions.loaded() == {1, 2}
    versions.unlabel("stable")
    assert versions.labels() == {}
    assert entry(folder, tmp_path).version_policy == VersionPolicy("latest", 1)


def test_other_models_of_the_repository_stay_on_the_list(folder, add, tmp_path):
    add(folder, 7, model="digits")
    add(folder, 1)
    ModelVersions(folder, "digits").promote(7)
    ModelVersions(folder, "pets").promote(1)
    assert entry(folder, tmp_path, "digits").version_labels == {"stable": 7}


def test_a_version_that_is_not_there_is_named(folder, add):
    add(folder, 1)
    with pytest.raises(DataError, match=r"no version 2 .* it has 1"):
        ModelVersions(folder, "pets").promote(2)


def test_a_broken_file_is_named_and_not_overwritten(folder, add):
    add(folder, 1)
    folder.write(MODEL_CONFIG_FILE, b"model_config_list {")
    with pytest.raises(ConfigurationError, match="not a ModelServerConfig"):
        ModelVersions(folder, "pets").promote(1)
    assert folder.read(MODEL_CONFIG_FILE) == b"model_config_list {"


def test_commands_at_once_lose_nothing_of_each_other(folder, add):
    models = [f"model{number}" for number in range(8)]
    for model in models:
        add(folder, 1, model=model)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda model: ModelVersions(folder, model).promote(1), models))
    config = read_config(folder)
    assert {model: labels_of(config, model) for model in models} == {model: {"stable": 1} for model in models}
    assert all(len(ModelVersions(folder, model).history()) == 2 for model in models)


def test_prune_keeps_the_newest_the_labelled_and_the_used(storage, add):
    for version in range(1, 9):
        add(storage, version)
    versions = ModelVersions(storage, "pets")
    versions.promote(2)
    versions.promote(6, "canary")
    assert versions.prune(1, used=[4], dry_run=True) == [1, 3, 5, 7]
    assert versions.versions() == list(range(1, 9))
    assert versions.prune(1, used=[4], why="disk is full") == [1, 3, 5, 7]
    assert versions.versions() == [2, 4, 6, 8]
    deleted = [record.before for record in versions.history() if record.action == "prune" and record.outcome == "done"]
    assert deleted == [1, 3, 5, 7]


def test_prune_keeps_at_least_one(folder):
    with pytest.raises(ConfigurationError, match="at least 1"):
        ModelVersions(folder, "pets").prune(0)


def test_a_torn_record_hides_no_other(folder, add, tmp_path, caplog):
    add(folder, 1)
    versions = ModelVersions(folder, "pets")
    versions.promote(1)
    with (tmp_path / "models" / "models.log.jsonl").open("ab") as file:
        file.write(b'{"time": "2026')
    versions.unlabel("stable")
    assert [record.action for record in versions.history()] == ["promote", "promote", "unlabel", "unlabel"]
    assert "Record 3" in caplog.text


def test_facts_are_read_from_the_version(folder, add):
    add(folder, 1, labels=["cat"])
    facts = ModelVersions(folder, "pets").facts(1)
    assert facts.description == {"labels": ["cat"]}
    assert facts.size_bytes == len(b"graph") + len(json.dumps({"labels": ["cat"]}))


class Asked:
    """Asks for the label `stable` again and again."""

    def __init__(self, server):
        self._server = server
        self._stop = threading.Event()
        self.answers = []
        self._thread = threading.Thread(target=self._ask)

    def _ask(self):
        while not self._stop.is_set():
            answer = self._server.http.post("/v1/models/pets/labels/stable:predict", json={"instances": [0.0]})
            self.answers.append(answer.json().get("predictions", answer.text))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._stop.set()
        self._thread.join()


@pytest.fixture
def served(folder, add, tmp_path):
    """A model server that was started with the repository's file; 1 is stable, 2 and 3 are not loaded."""
    for version in (1, 2, 3):
        add(folder, version)
    ModelVersions(folder, "pets").promote(1)
    path = tmp_path / "models" / MODEL_CONFIG_FILE
    with RunningServer(
        *read_model_config(path), runtime=EchoRuntime(), config_file=path, config_poll_seconds=0.05
    ) as server:
        server.wait_available("pets", 1)
        yield server


def test_a_running_server_follows_the_file_without_a_failed_request(folder, served):
    versions = ModelVersions(folder, "pets")
    with Asked(served) as asked:
        versions.promote(3)
        wait_until(lambda: asked.answers[-1:] == [[3]])
        versions.rollback()
        wait_until(lambda: asked.answers[-1:] == [[1]])
    assert {tuple(answer) for answer in asked.answers} == {(1,), (3,)}
    wait_until(lambda: served.states("pets")[3] == "END")


def test_a_running_server_that_is_told_has_followed_when_the_command_returns(folder, served):
    address = f"127.0.0.1:{served.ports.grpc_port}"
    versions = ModelVersions(folder, "pets", servers=ModelServers([address]))
    with Asked(served) as asked:
        assert versions.promote(2).told == (address,)
        assert served.http.post("/v1/models/pets/labels/stable:predict", json={"instances": [0.0]}).json() == {
            "predictions": [2]
        }
        versions.promote(3, "canary")
        versions.rollback()
    assert {tuple(answer) for answer in asked.answers} <= {(1,), (2,)}
    assert versions.labels() == {"stable": 1, "canary": 3}


def test_a_version_that_a_server_cannot_load_leaves_the_labels_as_they_were(folder, served, tmp_path):
    (tmp_path / "models" / "pets" / "2" / "broken").touch()
    versions = ModelVersions(folder, "pets", servers=ModelServers([f"127.0.0.1:{served.ports.grpc_port}"]))
    with pytest.raises(DarkroomError, match="version 2 is broken"):
        versions.promote(2)
    assert versions.labels() == {"stable": 1}
    assert versions.loaded() == {1}
    assert versions.history()[-1].outcome == "failed"
    assert served.http.post("/v1/models/pets/labels/stable:predict", json={"instances": [0.0]}).status_code == 200


def test_a_version_that_a_server_has_loaded_is_not_pruned(folder, add, tmp_path):
    for version in (1, 2, 3, 4):
        add(folder, version)
    policy = VersionPolicy("specific", versions=frozenset({2}))
    settings = ModelSettings("pets", tmp_path / "models" / "pets", policy)
    with RunningServer(settings, runtime=EchoRuntime()) as server:
        server.wait_available("pets", 2)
        told = ModelVersions(folder, "pets", servers=ModelServers([f"127.0.0.1:{server.ports.grpc_port}"]))
        assert told.prune(1) == [1, 3]


def test_a_server_that_is_gone_is_named(folder, add):
    add(folder, 1)
    versions = ModelVersions(folder, "pets", servers=ModelServers(["127.0.0.1:1"]))
    with pytest.raises(DarkroomError, match=r"127\.0\.0\.1:1 can't be asked: UNAVAILABLE"):
        versions.promote(1)
    assert versions.labels() == {}


def test_servers_are_asked_by_tls_and_shown_a_certificate(folder, add, tmp_path):
    authority, clients = Authority(), Authority()
    shown, own = authority.issue(), clients.issue("operator")
    for name, text in {"ca.pem": authority.cert, "own.pem": own.cert, "own.key": own.key}.items():
        (tmp_path / name).write_text(text)
    trusting = BackendTlsSettings(ca_file="ca.pem")
    known = trusting.model_copy(update={"certificate_file": "own.pem", "key_file": "own.key"})
    for version in (1, 2):
        add(folder, version)
    settings = ModelSettings("pets", tmp_path / "models" / "pets")
    tls = TlsSettings(shown.key, shown.cert, clients.cert, client_verify=True)
    with RunningServer(settings, runtime=EchoRuntime(), tls=tls) as server:

        def told(credentials):
            servers = ModelServers([f"localhost:{server.ports.grpc_port}"], credentials)
            return ModelVersions(folder, "pets", servers=servers, load_seconds=10)

        for credentials in (None, BackendCredentials(trusting.located(tmp_path), "a")):
            with pytest.raises(DarkroomError, match="can't be asked"):
                told(credentials).promote(1)
        assert told(BackendCredentials(known.located(tmp_path), "b")).promote(1).labels == {"stable": 1}
        other = known.model_copy(update={"server_name": "models.example.org"}).located(tmp_path)
        with pytest.raises(DarkroomError, match="can't be asked"):
            told(BackendCredentials(other, "c")).promote(2)


def test_an_address_without_a_port_is_refused(folder, add):
    add(folder, 1)
    with pytest.raises(ConfigurationError, match="HOST:PORT"):
        ModelVersions(folder, "pets", servers=ModelServers(["serving"])).promote(1)
