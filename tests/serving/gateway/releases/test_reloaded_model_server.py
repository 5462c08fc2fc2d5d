"""Stable and canary are labels, which the model server's configuration moves: by request and by its file."""

import threading

import grpc
import numpy as np
import pytest
from google.protobuf import text_format

from serving import tensors
from serving.gateway.security.principal import Scope
from serving.model_server.model_config import read_model_config
from serving.protos import model_management_pb2, model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc
from tests.serving.gateway.running import eventually
from tests.serving.gateway.security.secured import KeyFile, bearer, secured_gateway
from tests.serving.model_server.running import RunningServer
from tests.serving.model_server.test_versions import EchoRuntime, add

RELEASES = {"stable": "stable", "canary": {"target": "canary", "weight": 0.5}, "sticky_header": "x-user"}


class Site:
    """A model server that follows its configuration file, and a gateway that passes admin calls on to it."""

    def __init__(self, folder, server, gateway, channel, keys):
        self._folder = folder
        self._server = server
        self._gateway = gateway
        self._admin = tuple(bearer(keys[Scope.ADMIN]).items())
        self._caller = tuple(bearer(keys[Scope.PREDICT]).items())
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(channel)

    def ask(self, user="", label=None):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "pets"
        if label is not None:
            request.model_spec.version_label = label
        request.inputs["x"].CopyFrom(tensors.to_proto(np.float32([0.0])))
        answer = self._predictions.Predict(request, timeout=20, metadata=(*self._caller, ("x-user", user)))
        return answer.model_spec.version.value

    def answering(self):
        """The versions that answer requests which name none."""
        return {self.ask(f"user-{number}") for number in range(20)}

    def load_third_version(self):
        # The answer to a reload waits for models, not for versions; a label needs its version.
        self.reload([1, 2, 3], stable=1, canary=2)
        self._server.wait_available("pets", 3)

    def reload(self, versions, **labels):
        request = model_management_pb2.ReloadConfigRequest()
        text_format.Parse(configuration(self._folder, versions, labels), request.config)
        self._models.HandleReloadConfigRequest(request, timeout=20, metadata=self._admin)

    def write(self, versions, **labels):
        write_configuration(self._folder, versions, labels)

    def canary(self):
        return self._gateway.gateway.releases.describe()["canary"]


def configuration(folder, versions, labels):
    chosen = "".join(f"versions: {version} " for version in versions)
    named = "".join(f'version_labels {{ key: "{label}" value: {version} }} ' for label, version in labels.items())
    return (
        f'model_config_list {{ config {{ name: "pets" base_path: "{folder / "pets"}" model_platform: "tensorflow" '
        f"model_version_policy {{ specific {{ {chosen}}} }} {named}}} }}"
    )


def write_configuration(folder, versions, labels):
    written = folder / "models.config.new"
    written.write_text(configuration(folder, versions, labels))
    written.replace(folder / "models.config")


@pytest.fixture
def site(tmp_path):
    for version in (1, 2, 3):
        add(tmp_path / "pets", version)
    write_configuration(tmp_path, [1, 2], {"stable": 1, "canary": 2})
    keys = KeyFile(tmp_path / "keys.json")
    callers = {scope: keys.add(f"{scope}-only", scope) for scope in Scope}
    server = RunningServer(
        *read_model_config(tmp_path / "models.config"),
        runtime=EchoRuntime(),
        config_file=tmp_path / "models.config",
        config_poll_seconds=0.1,
    )
    with server:
        server.wait_available("pets", 2)
        with (
            secured_gateway(
                f"127.0.0.1:{server.ports.grpc_port}",
                keys,
                authentication={"admin_calls": True},
                releases=RELEASES,
            ) as gateway,
            grpc.insecure_channel(gateway.grpc) as channel,
        ):
            yield Site(tmp_path, server, gateway, channel, callers)


def test_a_request_moves_the_canary_and_keeps_each_user_with_it(site):
    before = {user: site.ask(user) for user in map(str, range(20))}
    site.load_third_version()
    site.reload([1, 3], stable=1, canary=3)
    after = {user: site.ask(user) for user in before}

    assert set(before.values()) == {1, 2}
    assert after == {user: 3 if version == 2 else 1 for user, version in before.items()}


def test_the_file_promotes_what_a_request_had_as_canary(site):
    site.load_third_version()
    site.reload([1, 3], stable=1, canary=3)
    site.write([3], stable=3)
    eventually(lambda: site.ask(label="stable") == 3)

    # The label canary has gone: who would have got it gets stable, and the canary has not failed.
    assert site.answering() == {3}
    assert not site.canary()["stopped"]


def test_a_label_for_a_version_that_is_not_loaded_changes_nothing(site):
    with pytest.raises(grpc.RpcError) as failure:
        site.reload([1, 2], stable=1, canary=3)

    assert failure.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "version 3 of model pets" in failure.value.details()
    assert site.answering() == {1, 2}


def test_no_request_fails_while_labels_move(site):
    done = threading.Event()
    seen, failures = set(), []

    def keep_asking(user):
        while not done.is_set():
            try:
                seen.add(site.ask(user))
            except grpc.RpcError as error:
                failures.append(error)

    users = [threading.Thread(target=keep_asking, args=(f"user-{number}",)) for number in range(4)]
    for user in users:
        user.start()
    try:
        site.load_third_version()
        site.reload([1, 3], stable=1, canary=3)
        site.write([2, 3], stable=2, canary=3)
        eventually(lambda: site.ask(label="stable") == 2)
        site.write([3], stable=3)
        eventually(lambda: site.answering() == {3})
    finally:
        done.set()
        for user in users:
            user.join(20)

    assert [f"{error.code()}: {error.details()}" for error in failures] == []
    assert {1, 3} <= seen
