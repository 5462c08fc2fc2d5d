"""`darkroom models` on a repository; and a rollback while `darkroom serve` is asked."""

import json
import threading

import pytest
from click.testing import CliRunner

from darkroom.cli.models import command
from darkroom.errors import ConfigurationError, DarkroomError, DataError
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.process import ServeProcess
from tests.serving.gateway.running import eventually

pytest_plugins = ("tests.serving.gateway.fixtures",)

DESCRIPTION = {
    "task": "multiclass",
    "labels": ["cat", "dog"],
    "preprocessing": {"version": "1-abc"},
    "training": {"architecture": "small_cnn", "parameters": 1234},
    "data": {"images": {"train": 70, "eval": 10, "test": 20}},
    "evaluation": {"accuracy": 0.9375},
}


def models(*arguments):
    answer = CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)
    if answer.exception is not None:
        raise answer.exception
    return answer


@pytest.fixture
def pushed(tmp_path):
    for version in (3, 4, 1_700_000_000):
        folder = tmp_path / "models" / "pets" / str(version)
        (folder / "assets.extra").mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(b"graph")
        (folder / "assets.extra" / "darkroom.json").write_text(json.dumps(DESCRIPTION))
    (tmp_path / "models" / "pets" / ".pushing-x").mkdir()
    (tmp_path / "darkroom.yaml").write_text("model: {name: pets}\nserving: {releases: {stable: 3}}\n")
    return tmp_path / "models"


def test_versions_are_listed_newest_first_with_labels(pushed):
    models("promote", "4", "--repository", pushed)
    lines = models("list", "--repository", pushed).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["version", "1700000000", "4", "3"]
    assert "2023-11-14T22:13:20+00:00" in lines[1]
    assert lines[2].split()[1:3] == ["stable", "yes"]
    assert "accuracy 0.9375" in lines[3]


def test_the_list_as_json_has_the_facts(pushed):
    models("promote", "latest", "--repository", pushed)
    document = json.loads(models("list", "--repository", pushed, "--json").stdout)
    assert document["model"] == "pets"
    assert document["versions"][0] == {
        "version": 1_700_000_000,
        "labels": ["stable"],
        "size_bytes": len(b"graph") + len(json.dumps(DESCRIPTION)),
        "pushed": "2023-11-14T22:13:20+00:00",
        "loaded": True,
        "evaluation": DESCRIPTION["evaluation"],
        "preprocessing": "1-abc",
    }


def test_a_version_is_shown_with_what_was_done_with_it(pushed):
    models("promote", "4", "--repository", pushed, "--why", "it is good")
    text = models("show", "4", "--repository", pushed).stdout
    assert "cat, dog" in text
    assert "promote: stable None -> 4 (it is good)" in text
    document = json.loads(models("show", "4", "--repository", pushed, "--json").stdout)
    assert document["description"] == DESCRIPTION
    assert [record["outcome"] for record in document["log"]] == ["begun", "done"]


def test_promotion_and_rollback_say_what_they_did(pushed):
    models("promote", "3", "--repository", pushed)
    answer = models("promote", "4", "--repository", pushed, "--json")
    assert "pets: stable is version 4, before it was 3; no model server was told" in answer.stderr
    assert json.loads(answer.stdout) == {
        "model": "pets",
        "label": "stable",
        "before": 3,
        "after": 4,
        "labels": {"previous": 3, "stable": 4},
        "told": [],
    }
    assert "stable is version 3" in models("rollback", "--repository", pushed).stderr
    assert "stable is no version" in models("unlabel", "stable", "--repository", pushed).stderr


def test_prune_spares_what_the_configuration_names(pushed, monkeypatch):
    monkeypatch.chdir(pushed.parent)
    answer = models("prune", "--keep", "1", "--json")
    assert json.loads(answer.stdout) == {"model": "pets", "deleted": [4], "kept": [3, 1_700_000_000]}


def test_the_log_is_json_lines(pushed):
    models("promote", "3", "--repository", pushed)
    records = [json.loads(line) for line in models("log", "--repository", pushed, "--json").stdout.splitlines()]
    assert [(record["action"], record["to"], record["outcome"]) for record in records] == [
        ("promote", 3, "begun"),
        ("promote", 3, "done"),
    ]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("promote", "9"), DataError, "no version 9"),
        (("promote", "newest"), ConfigurationError, "neither a version number nor 'latest'"),
        (("show", "9"), DataError, "no version 9"),
        (("promote", "4", "--server", "nowhere"), ConfigurationError, "HOST:PORT"),
        (("promote", "4", "--server", "127.0.0.1:1"), DarkroomError, "can't be asked"),
        (("list", "--model", "cars"), None, "no pushed version"),
    ],
)
def test_mistakes_are_named(pushed, arguments, error, words):
    if error is None:
        assert words in models(*arguments, "--repository", pushed).stderr
        return
    with pytest.raises(error, match=words):
        models(*arguments, "--repository", pushed)


def test_where_nothing_says_where_the_models_are_it_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="--repository"):
        models("list")
    with pytest.raises(DataError, match="no pushed model"):
        models("list", "--repository", tmp_path)


def status(served, target):
    return [state["version"] for state in served.get(f"/v1/models/pets{target}").json()["model_version_status"]]


@pytest.mark.slow
def test_a_rollback_takes_effect_in_a_live_server_without_a_failed_request(repository, tmp_path):
    base = tmp_path / "models"
    (base / "pets").mkdir(parents=True)
    for version in ("1", "2"):
        (base / "pets" / version).symlink_to(repository / "pets" / "1")
    stop, answers = threading.Event(), []
    with ServeProcess(
        [str(base), "--model-server-log", str(tmp_path / "log")], stderr_path=tmp_path / "stderr"
    ) as served:
        assert served.wait_until_ready()["version"] == 2

        def ask():
            while not stop.is_set():
                answer = served.predict(RED)
                answers.append((answer.status_code, answer.json().get("model", {}).get("version")))

        asking = [threading.Thread(target=ask) for _ in range(2)]
        for thread in asking:
            thread.start()
        try:
            models("rollback", "--repository", base)
            eventually(lambda: answers[-1:] == [(200, "1")], 60)
            models("promote", "2", "--repository", base)
            eventually(lambda: answers[-1:] == [(200, "2")], 60)
            models("rollback", "--repository", base)
            eventually(lambda: answers[-1:] == [(200, "1")], 60)
        finally:
            stop.set()
            for thread in asking:
                thread.join()
        eventually(lambda: status(served, "/labels/stable") == ["1"])
    assert set(answers) == {(200, "1"), (200, "2")}
