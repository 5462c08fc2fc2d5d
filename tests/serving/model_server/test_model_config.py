"""The model configuration file, reloading it, and version labels."""

from __future__ import annotations

import textwrap
import threading

import grpc
import pytest
from google.protobuf import text_format

from darkroom.errors import ConfigurationError
from serving.model_server.model_config import read_model_config
from serving.model_server.settings import ModelSettings, VersionPolicy
from serving.protos import model_management_pb2, model_server_config_pb2
from tests.serving.model_server.running import RunningServer, wait_until
from tests.serving.model_server.test_versions import EchoRuntime, add, ask


def entry(name, base, more="") -> str:
    return f'config {{ name: "{name}" base_path: "{base}" model_platform: "tensorflow" {more} }}'


def config(*entries) -> str:
    return f"model_config_list {{ {' '.join(entries)} }}"


def test_the_file_names_models_policies_and_labels(tmp_path):
    path = tmp_path / "models.config"
    path.write_text(
        textwrap.dedent("""
            model_config_list: {
              config: { name: "a" base_path: "/models/a" model_platform: "tensorflow" }
              config: {
                name: "b", base_path: "file:///models/b", model_platform: "tensorflow"
                model_version_policy: { latest { num_versions: 3 } }
                version_labels { key: 'stable' value: 1 }
                version_labels { key: 'canary' value: 2 }
              }
              config: { name: "c" base_path: "/c" model_type: TENSORFLOW model_version_policy { all {} } }
              config: {
                name: "d" base_path: "/d" model_platform: "tensorflow"
                model_version_policy { specific { versions: 4 versions: 7 } }
              }
            }
        """)
    )
    a, b, c, d = read_model_config(path)
    assert (a.name, str(a.base_path), a.version_policy) == ("a", "/models/a", VersionPolicy("latest", 1))
    assert (str(b.base_path), b.version_policy) == ("/models/b", VersionPolicy("latest", 3))
    assert b.version_labels == {"stable": 1, "canary": 2}
    assert c.version_policy == VersionPolicy("all")
    assert d.version_policy == VersionPolicy("specific", versions=frozenset({4, 7}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model_config_lst {}", "model_config_lst"),
        (config(entry("a", "/a"), entry("a", "/b")), "Illegal to list model a multiple times in config list"),
        (config(entry("a", "models/a")), "Expected model a to have an absolute path or URI; got base_path"),
        (config(entry("a", "gs://bucket/a")), "reads local folders only"),
        (config('config { name: "a" base_path: "/a" }'), "Illegal setting neither"),
        (config(entry("a", "/a", "model_type: TENSORFLOW")), "Illegal setting both"),
        (config('config { name: "a" base_path: "/a" model_platform: "x" }'), "requests unsupported platform x"),
        (config(entry("a", "/a", "model_version_policy { specific {} }")), "names no versions"),
        (config(entry("", "/a")), "has no name"),
        ('custom_model_config { type_url: "x" }', "does not support custom_model_config"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, text, words):
    path = tmp_path / "models.config"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=words) as caught:
        read_model_config(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"Cannot read .*absent"):
        read_model_config(tmp_path / "absent")


@pytest.fixture
def runtime():
    return EchoRuntime()


@pytest.fixture
def start(tmp_path, runtime):
    running = []

    def begin(*models, **settings):
        server = RunningServer(*models, runtime=runtime, **{"poll_seconds": 0.05, **settings}).__enter__()
        running.append(server)
        return server

    yield begin
    runtime.gate.set()
    for server in running:
        server.__exit__(None, None, None)


@pytest.fixture
def base(tmp_path):
    """Where models lie; `add(base / NAME, VERSION)` makes one."""
    return tmp_path / "models"


def reload(server, text, *, metric_names=()):
    request = model_management_pb2.ReloadConfigRequest(metric_names=metric_names)
    text_format.Parse(text, request.config)
    return server.models.HandleReloadConfigRequest(request, timeout=30)


def predict(server, target):
    return server.http.post(f"/v1/models/{target}:predict", json={"instances": [0.0]})


def test_reloading_adds_models_and_answers_when_they_are_available(start, base):
    add(base / "m", 1)
    add(base / "n", 5)
    server = start(ModelSettings("m", base / "m"))
    server.wait_available("m", 1)
    response = reload(
        server,
        config(entry("m", base / "m"), entry("n", base / "n")),
        metric_names=["/tensorflow/cc/saved_model/load_attempt_count", "/nothing"],
    )
    assert response.status.error_code == 0
    assert predict(server, "n").json() == {"predictions": [5]}
    assert predict(server, "m").json() == {"predictions": [1]}
    assert {metric.name: metric.int64_value_increase for metric in response.metric} == {
        "/tensorflow/cc/saved_model/load_attempt_count": 1,
        "/nothing": 0,
    }


def test_reloading_removes_models_after_their_requests(start, base, runtime):
    add(base / "m", 1)
    add(base / "n", 5)
    server = start(ModelSettings("m", base / "m"), ModelSettings("n", base / "n"))
    server.wait_available("m", 1)
    server.wait_available("n", 5)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(ask(server, 0.7)))
    asking.start()
    wait_until(lambda: server.server.models._models["m"].versions[0].in_flight == 1)
    reload(server, config(entry("n", base / "n")))
    assert predict(server, "m").json() == {"error": "Servable not found for request: Latest(m)"}
    assert predict(server, "n").status_code == 200
    asking.join()
    assert answers == [1]
    wait_until(lambda: runtime.servables[1].closed)


def test_reloading_changes_the_version_policy_of_a_model(start, base):
    for version in (1, 2, 3):
        add(base / "m", version)
    server = start(ModelSettings("m", base / "m"), poll_seconds=0)
    server.wait_available("m", 3)
    reload(server, config(entry("m", base / "m", "model_version_policy { specific { versions: 1 versions: 2 } }")))
    wait_until(lambda: server.states("m") == {3: "END", 2: "AVAILABLE", 1: "AVAILABLE"})
    assert ask(server) == 2


def test_a_new_model_that_does_not_load_is_reported_and_the_others_serve(start, base):
    add(base / "m", 1)
    add(base / "n", 5, "broken")
    server = start(ModelSettings("m", base / "m"))
    server.wait_available("m", 1)
    with pytest.raises(grpc.RpcError) as caught:
        reload(server, config(entry("m", base / "m"), entry("n", base / "n"), entry("o", base / "o")))
    assert caught.value.code() is grpc.StatusCode.UNKNOWN
    assert caught.value.details() == (
        "2 model(s) did not become available: {{name: n version: 5 due to error: DATA_LOSS: version 5 is broken}, "
        f"{{name: o has no versions in {base / 'o'}}}, }}"
    )
    assert predict(server, "m").status_code == 200


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", grpc.StatusCode.INVALID_ARGUMENT, "Only ModelConfigList is currently supported"),
        (config(entry("m", "relative")), grpc.StatusCode.INVALID_ARGUMENT, "absolute path"),
    ],
)
def test_a_wrong_reload_changes_nothing(start, base, text, code, words):
    add(base / "m", 1)
    server = start(ModelSettings("m", base / "m"))
    server.wait_available("m", 1)
    with pytest.raises(grpc.RpcError) as caught:
        reload(server, text)
    assert caught.value.code() is code
    assert words in caught.value.details()
    assert predict(server, "m").status_code == 200


BOTH = "model_version_policy { all {} }"


def label(name, version) -> str:
    return f'version_labels {{ key: "{name}" value: {version} }}'


def test_labels_are_attached_to_loaded_versions_and_can_move(start, base):
    add(base / "m", 1)
    add(base / "m", 2)
    server = start(ModelSettings("m", base / "m", VersionPolicy("all")))
    server.wait_available("m", 1)
    server.wait_available("m", 2)
    reload(server, config(entry("m", base / "m", BOTH + label("stable", 1) + label("canary", 2))))
    assert predict(server, "m/labels/stable").json() == {"predictions": [1]}
    assert predict(server, "m/labels/canary").json() == {"predictions": [2]}
    reload(server, config(entry("m", base / "m", BOTH + label("stable", 2))))
    assert predict(server, "m/labels/stable").json() == {"predictions": [2]}
    assert predict(server, "m/labels/canary").json() == {"error": "Unrecognized servable version label: canary"}


def test_a_label_for_a_version_that_is_not_loaded_is_refused_as_a_whole(start, base):
    add(base / "m", 1)
    server = start(ModelSettings("m", base / "m", version_labels={"stable": 1}))
    server.wait_available("m", 1)
    assert predict(server, "m/labels/stable").status_code == 200
    with pytest.raises(grpc.RpcError) as caught:
        reload(server, config(entry("m", base / "m", label("stable", 1) + label("canary", 9))))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details() == (
        "Request to assign label to version 9 of model m, which is not currently available for inference"
    )
    assert predict(server, "m/labels/stable").status_code == 200
    assert predict(server, "m/labels/canary").status_code == 400


def test_a_label_of_the_start_is_attached_when_its_version_has_loaded(start, base, runtime):
    runtime.gate.clear()
    add(base / "m", 1)
    server = start(ModelSettings("m", base / "m", version_labels={"stable": 1}))
    assert predict(server, "m/labels/stable").json() == {"error": "Unrecognized servable version label: stable"}
    runtime.gate.set()
    server.wait_available("m", 1)
    assert predict(server, "m/labels/stable").json() == {"predictions": [1]}


def test_unavailable_versions_may_get_new_labels_if_allowed_but_labels_do_not_move_to_them(start, base):
    add(base / "m", 1)
    server = start(ModelSettings("m", base / "m"), allow_labels_for_unavailable=True)
    server.wait_available("m", 1)
    reload(server, config(entry("m", base / "m", label("stable", 1) + label("canary", 9))))
    assert predict(server, "m/labels/canary").json() == {"error": "Servable not found for request: Specific(m, 9)"}
    with pytest.raises(grpc.RpcError) as caught:
        reload(server, config(entry("m", base / "m", label("stable", 9))))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert predict(server, "m/labels/stable").status_code == 200


def test_a_changed_file_is_applied_and_a_broken_one_changes_nothing(start, base, tmp_path, caplog):
    add(base / "m", 1)
    add(base / "n", 5)
    path = tmp_path / "models.config"
    path.write_text(config(entry("m", base / "m")))
    server = start(*read_model_config(path), config_file=path, config_poll_seconds=0.05)
    server.wait_available("m", 1)
    path.write_text("model_config_list { config { name: ")
    wait_until(lambda: "is not applied" in caplog.text)
    assert predict(server, "m").status_code == 200
    path.write_text(config(entry("n", base / "n")))
    server.wait_available("n", 5)
    wait_until(lambda: predict(server, "m").status_code == 404)


def test_a_file_that_changed_while_the_server_started_is_applied(start, base, tmp_path):
    add(base / "m", 1)
    add(base / "m", 2)
    path = tmp_path / "models.config"
    path.write_text(config(entry("m", base / "m", "model_version_policy { specific { versions: 1 } }")))
    read = read_model_config(path)
    path.write_text(config(entry("m", base / "m", "model_version_policy { specific { versions: 2 } }")))
    server = start(*read, config_file=path, config_poll_seconds=0.05)

    wait_until(lambda: server.states("m").get(2) == "AVAILABLE")


def test_a_file_is_tried_again_until_its_labels_can_be_attached(start, base, tmp_path, caplog):
    add(base / "m", 1)
    path = tmp_path / "models.config"
    path.write_text(config(entry("m", base / "m", BOTH)))
    server = start(*read_model_config(path), config_file=path, config_poll_seconds=0.05)
    server.wait_available("m", 1)
    path.write_text(config(entry("m", base / "m", BOTH + label("canary", 2))))
    wait_until(lambda: "not currently available for inference" in caplog.text)
    add(base / "m", 2)
    wait_until(lambda: predict(server, "m/labels/canary").status_code == 200)


def test_a_configuration_without_models_serves_none_until_one_is_added(start, base, tmp_path):
    path = tmp_path / "models.config"
    path.write_text("")
    server = start(config_file=path)
    assert predict(server, "m").status_code == 404
    add(base / "m", 1)
    config_message = text_format.Parse(config(entry("m", base / "m")), model_server_config_pb2.ModelServerConfig())
    request = model_management_pb2.ReloadConfigRequest(config=config_message)
    server.models.HandleReloadConfigRequest(request, timeout=30)
    assert predict(server, "m").json() == {"predictions": [1]}
