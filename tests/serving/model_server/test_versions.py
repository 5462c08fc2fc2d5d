"""The life of versions, with a runtime that loads instantly, slowly or not at all, and one swap of real models."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serving import tensors
from serving.errors import Code, ServingError
from serving.model_server.settings import ModelSettings, VersionPolicy
from serving.protos import get_model_status_pb2, meta_graph_pb2, predict_pb2, types_pb2
from tests.serving.model_server.running import RunningServer, push, wait_until


class EchoServable:
    """`x` float [N] -> `version` int64 [N], after `hold` seconds for each x."""

    runtime_name = "echo"

    def __init__(self, version: int) -> None:
        self.version = version
        self.closed = False
        signature = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
        signature.inputs["x"].dtype = types_pb2.DT_FLOAT
        signature.inputs["x"].tensor_shape.dim.add(size=-1)
        signature.outputs["version"].dtype = types_pb2.DT_INT64
        self.signatures = {"serving_default": signature}

    def run(self, signature_name, inputs, outputs):
        assert not self.closed, "a request ran on an unloaded version"
        time.sleep(float(inputs["x"].sum()))
        assert not self.closed, "a version was unloaded under a request"
        return {"version": np.full(inputs["x"].shape, self.version, dtype=np.int64)}

    def close(self) -> None:
        self.closed = True


class EchoRuntime:
    """Fails where a folder holds `broken`, and waits for `gate` before it returns."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.loads: list[int] = []
        self.servables: dict[int, EchoServable] = {}

    def load(self, path):
        version = int(path.name)
        self.loads.append(version)
        assert self.gate.wait(30)
        if (path / "broken").exists():
            raise ServingError(Code.DATA_LOSS, f"version {version} is broken")
        if (path / "explosive").exists():
            raise ZeroDivisionError("nobody expects this")
        self.servables[version] = EchoServable(version)
        return self.servables[version]


def add(base, version, *files) -> None:
    beside = base / f".{version}"
    beside.mkdir(parents=True)
    for name in ("saved_model.pb", *files):
        (beside / name).write_bytes(b"x")
    beside.rename(base / str(version))


def ask(server, seconds=0.0) -> int:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].CopyFrom(tensors.to_proto(np.float32([seconds])))
    return int(tensors.to_array(server.predictions.Predict(request, timeout=30).outputs["version"])[0])


@pytest.fixture
def runtime():
    return EchoRuntime()


@pytest.fixture
def start(tmp_path, runtime):
    running = []

    def begin(**settings):
        policy = settings.pop("policy", VersionPolicy())
        server = RunningServer(
            ModelSettings("m", tmp_path / "base", policy), runtime=runtime, **{"poll_seconds": 0.02, **settings}
        ).__enter__()
        running.append(server)
        return server

    yield begin
    runtime.gate.set()
    for server in running:
        server.__exit__(None, None, None)


def test_the_newest_version_serves_and_a_newer_one_takes_over(start, tmp_path, runtime):
    for version in (1, 9, 10):
        add(tmp_path / "base", version)
    server = start()
    server.wait_available("m", 10)
    assert ask(server) == 10
    assert runtime.loads == [10]
    add(tmp_path / "base", 11)
    wait_until(lambda: server.states("m") == {11: "AVAILABLE", 10: "END"})
    assert ask(server) == 11
    assert runtime.servables[10].closed


def test_the_old_version_serves_while_the_new_one_loads(start, tmp_path, runtime):
    add(tmp_path / "base", 1)
    server = start()
    server.wait_available("m", 1)
    runtime.gate.clear()
    add(tmp_path / "base", 2)
    wait_until(lambda: server.states("m") == {2: "LOADING", 1: "AVAILABLE"})
    assert ask(server) == 1
    runtime.gate.set()
    wait_until(lambda: server.states("m") == {2: "AVAILABLE", 1: "END"})


def test_the_old_version_is_unloaded_only_after_its_requests(start, tmp_path, runtime):
    add(tmp_path / "base", 1)
    server = start()
    server.wait_available("m", 1)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ask, server, 0.8)
        time.sleep(0.2)
        add(tmp_path / "base", 2)
        wait_until(lambda: server.states("m") == {2: "AVAILABLE", 1: "UNLOADING"})
        assert not runtime.servables[1].closed
        assert ask(server) == 2
        assert slow.result() == 1
    wait_until(lambda: server.states("m") == {2: "AVAILABLE", 1: "END"})


def test_a_cancelled_request_keeps_its_version_until_its_thread_has_ended(start, tmp_path, runtime):
    import grpc

    add(tmp_path / "base", 1)
    server = start()
    server.wait_available("m", 1)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].CopyFrom(tensors.to_proto(np.float32([0.6])))
    with pytest.raises(grpc.RpcError):
        server.predictions.Predict(request, timeout=0.1)
    add(tmp_path / "base", 2)
    server.wait_available("m", 2)
    assert server.states("m")[1] == "UNLOADING"
    wait_until(lambda: server.states("m")[1] == "END")


@pytest.mark.parametrize("kind", ["broken", "explosive"])
def test_a_version_that_fails_is_reported_and_the_old_one_stays(start, tmp_path, kind):
    add(tmp_path / "base", 1)
    server = start()
    server.wait_available("m", 1)
    add(tmp_path / "base", 2, kind)
    wait_until(lambda: server.states("m").get(2) == "END")
    assert server.states("m")[1] == "AVAILABLE"
    assert ask(server) == 1
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "m"
    newest = server.models.GetModelStatus(request).model_version_status[0]
    assert newest.version == 2
    assert newest.status.error_code == (Code.DATA_LOSS if kind == "broken" else Code.INTERNAL)
    assert ("version 2 is broken" if kind == "broken" else "ZeroDivisionError") in newest.status.error_message
    rest = server.http.get("/v1/models/m/versions/2").json()["model_version_status"][0]
    assert rest["status"]["error_code"] == ("DATA_LOSS" if kind == "broken" else "INTERNAL")


def test_a_failed_version_is_tried_again_only_when_its_files_change(start, tmp_path, runtime):
    add(tmp_path / "base", 1)
    add(tmp_path / "base", 2, "broken")
    server = start()
    server.wait_available("m", 1)  # the version before the broken one, at a start
    time.sleep(0.3)
    assert runtime.loads == [2, 1]
    (tmp_path / "base" / "2" / "broken").unlink()
    wait_until(lambda: server.states("m") == {2: "AVAILABLE", 1: "END"})


def test_incomplete_and_oddly_named_folders_are_ignored(start, tmp_path, runtime):
    base = tmp_path / "base"
    add(base, 1)
    (base / "2").mkdir()
    (base / "3").mkdir()
    (base / "3" / "variables").mkdir()
    (base / "4").write_bytes(b"a file")
    for name in ("latest", "_5.tmp", "-6", "7.0", "²", "99999999999999999999"):
        (base / name).mkdir()
        (base / name / "saved_model.pb").write_bytes(b"x")
    server = start()
    server.wait_available("m", 1)
    time.sleep(0.2)
    assert server.states("m") == {1: "AVAILABLE"}
    (base / "2" / "saved_model.pb").write_bytes(b"x")  # the copy is complete now
    server.wait_available("m", 2)


def test_deleting_the_newest_version_brings_the_one_before_back(start, tmp_path):
    add(tmp_path / "base", 1)
    add(tmp_path / "base", 2)
    server = start()
    server.wait_available("m", 2)
    (tmp_path / "base" / "2" / "saved_model.pb").unlink()
    wait_until(lambda: server.states("m") == {2: "END", 1: "AVAILABLE"})
    assert ask(server) == 1


def test_an_emptied_folder_does_not_take_the_last_version_away(start, tmp_path):
    add(tmp_path / "base", 1)
    server = start()
    server.wait_available("m", 1)
    (tmp_path / "base").rename(tmp_path / "elsewhere")
    time.sleep(0.3)
    assert ask(server) == 1


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (VersionPolicy("latest", 2), {2, 3}),
        (VersionPolicy("all"), {1, 2, 3}),
        (VersionPolicy("specific", versions=frozenset({1, 7})), {1}),
    ],
)
def test_version_policies(start, tmp_path, policy, expected):
    for version in (1, 2, 3):
        add(tmp_path / "base", version)
    server = start(policy=policy)
    wait_until(lambda: server.states("m") == dict.fromkeys(expected, "AVAILABLE"))
    assert ask(server) == max(expected)
    assert server.http.post(f"/v1/models/m/versions/{min(expected)}:predict", json={"instances": [0]}).json() == {
        "predictions": [min(expected)]
    }


def test_before_the_first_version_the_answer_is_unavailable_and_health_says_no(start, tmp_path, runtime):
    runtime.gate.clear()
    add(tmp_path / "base", 1)
    server = start()
    wait_until(lambda: server.states("m") == {1: "LOADING"})
    answer = server.http.post("/v1/models/m:predict", json={"instances": [0]})
    assert answer.status_code == 503
    assert answer.json() == {"error": "Servable m is still loading; try again soon"}
    assert not server.server.ready
    runtime.gate.set()
    server.wait_available("m", 1)
    assert server.server.ready


def test_an_empty_folder_has_no_servable_and_a_later_push_is_found(start, tmp_path):
    server = start()
    wait_until(lambda: server.http.post("/v1/models/m:predict", content=b"{}").status_code == 404)
    answer = server.http.post("/v1/models/m:predict", content=b"{}")
    assert answer.json() == {"error": "Servable not found for request: Latest(m)"}
    add(tmp_path / "base" / "m", 5)  # the layout of the pipeline's pushes
    server.wait_available("m", 5)


def test_requests_whose_turn_comes_after_their_deadline_never_run(start, tmp_path, runtime):
    add(tmp_path / "base", 1)
    server = start(inference_threads=1, rest_timeout_seconds=0.3)
    server.wait_available("m", 1)
    ran = []
    run = runtime.servables[1].run
    runtime.servables[1].run = lambda *args: ran.append(args) or run(*args)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(server.http.post, "/v1/models/m:predict", json={"instances": [1.0]})
        time.sleep(0.1)
        second = pool.submit(server.http.post, "/v1/models/m:predict", json={"instances": [0.0]})
        assert {first.result().status_code, second.result().status_code} == {504}
    time.sleep(1.0)
    assert len(ran) == 1


def test_a_client_that_hangs_up_before_its_turn_costs_nothing(start, tmp_path, runtime):
    import httpx

    add(tmp_path / "base", 1)
    server = start(inference_threads=1)
    server.wait_available("m", 1)
    ran = []
    run = runtime.servables[1].run
    runtime.servables[1].run = lambda *args: ran.append(args) or run(*args)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, server, 0.6)
        time.sleep(0.1)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{server.http.base_url}/v1/models/m:predict", json={"instances": [0.0]}, timeout=0.1)
        assert first.result() == 1
    assert ask(server) == 1
    assert len(ran) == 2


def test_stopping_lets_requests_under_way_finish(start, tmp_path, runtime):
    add(tmp_path / "base", 1)
    server = start()
    server.wait_available("m", 1)
    with ThreadPoolExecutor(2) as pool:
        over_grpc = pool.submit(ask, server, 0.7)
        over_rest = pool.submit(server.http.post, "/v1/models/m:predict", json={"instances": [0.7]})
        time.sleep(0.2)
        server.stop()
        assert over_grpc.result() == 1
        assert over_rest.result().json() == {"predictions": [1]}
    assert runtime.servables[1].closed


def test_an_open_health_watch_hears_of_the_stop_and_does_not_hold_it_up(start, tmp_path):
    add(tmp_path / "base", 1)
    server = start()
    server.wait_available("m", 1)
    watch = health_pb2_grpc.HealthStub(server.channel).Watch(health_pb2.HealthCheckRequest())
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    start_time = time.monotonic()
    server.stop()
    assert time.monotonic() - start_time < 3
    assert [answer.status for answer in watch] == [health_pb2.HealthCheckResponse.NOT_SERVING]


def test_real_models_swap_under_load_without_a_failed_request(tmp_path, model_store):
    push(model_store("half_plus_two"), tmp_path / "m", 1)
    answers: list[float] = []
    failures: list[object] = []
    stop = threading.Event()

    with RunningServer(ModelSettings("m", tmp_path / "m"), poll_seconds=0.05) as server:
        server.wait_available("m", 1)

        def over_grpc():
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "m"
            request.inputs["x"].CopyFrom(tensors.to_proto(np.float32([2])))
            while not stop.is_set():
                try:
                    answers.append(server.predictions.Predict(request, timeout=30).outputs["y"].float_val[0])
                except Exception as error:  # noqa: BLE001 - any failure is what this test is about
                    failures.append(error)

        def over_rest():
            while not stop.is_set():
                answer = server.http.post("/v1/models/m:predict", json={"instances": [2.0]})
                if answer.status_code == 200:
                    answers.append(answer.json()["predictions"][0])
                else:
                    failures.append(answer.text)

        threads = [threading.Thread(target=target) for target in (over_grpc, over_grpc, over_rest)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(answers) > 50)
        push(model_store("half_plus_three"), tmp_path / "m", 2)
        wait_until(lambda: server.states("m") == {2: "AVAILABLE", 1: "END"})
        push(model_store("half_plus_two"), tmp_path / "m", 3)
        wait_until(lambda: server.states("m") == {3: "AVAILABLE", 2: "END", 1: "END"})
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert {3.0, 4.0} == set(answers)
