"""Dynamic batching in a real server, with a runtime that shows which batches ran."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest

from darkroom.errors import ConfigurationError
from serving import tensors
from serving.errors import Code, ServingError
from serving.model_server.batching.settings import BatchingSettings, read_batching_settings
from serving.model_server.settings import ModelSettings
from serving.protos import meta_graph_pb2, predict_pb2, types_pb2
from tests.serving.model_server.running import RunningServer, push, wait_until
from tests.serving.model_server.test_metrics import samples
from tests.serving.model_server.test_versions import add

LONG = 60_000_000  # microseconds: a batch that only runs when it is full


class Recorder:
    """`x` float [N, …] -> `y` = 2 x, `total` float [] = sum; refuses negative numbers; waits for `gate`."""

    runtime_name = "recorder"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[np.ndarray] = []
        self.started = threading.Semaphore(0)
        self.signatures = {
            "serving_default": self._signature([-1], y=[-1]),
            "wide": self._signature([-1, -1], y=[-1, -1]),
            "text": self._signature([-1, -1], y=[-1, -1], dtype=types_pb2.DT_STRING),
            "scalar": self._signature([], y=[]),
            "summed": self._signature([-1], total=[]),
            "liar": self._signature([-1], total=[-1]),
        }

    def _signature(self, shape, dtype=types_pb2.DT_FLOAT, **outputs):
        signature = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
        for infos, name, sizes in ((signature.inputs, "x", shape), *((signature.outputs, *o) for o in outputs.items())):
            infos[name].dtype = dtype
            for size in sizes:
                infos[name].tensor_shape.dim.add(size=size)
        return signature

    def load(self, path):
        return self

    def run(self, signature_name, inputs, outputs):
        self.started.release()
        assert self.gate.wait(30)
        x = inputs["x"]
        self.batches.append(x)
        if x.dtype != object and (x < 0).any():
            raise ServingError(Code.INVALID_ARGUMENT, f"negative: {x[x < 0].tolist()}")
        return {"y": x + x} if "y" in outputs else {"total": np.sum(x)}

    def close(self) -> None:
        pass

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def start(tmp_path, recorder):
    running = []

    def begin(**batching):
        add(tmp_path / "m", 1)
        server = RunningServer(
            ModelSettings("m", tmp_path / "m"), runtime=recorder, batching=BatchingSettings(**batching)
        ).__enter__()
        running.append(server)
        server.wait_available("m", 1)
        return server

    yield begin
    recorder.gate.set()
    for server in running:
        server.__exit__(None, None, None)


def message(values, signature="", kind=np.float32):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.model_spec.signature_name = signature
    request.inputs["x"].CopyFrom(tensors.to_proto(np.array(values, dtype=kind)))
    return request


def ask(server, values, signature="", output="y", kind=np.float32):
    response = server.predictions.Predict(message(values, signature, kind), timeout=30)
    return tensors.to_array(response.outputs[output]).tolist()


def ask_all(server, requests, **options):
    """Answers or errors of requests sent at the same time."""

    def one(values):
        try:
            return ask(server, values, **options)
        except grpc.RpcError as error:
            return error

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(one, requests))


def test_requests_run_together_and_each_gets_its_own_rows(start, recorder):
    server = start(max_batch_size=4, batch_timeout_micros=LONG)
    assert ask_all(server, [[1.0], [2.0, 3.0], [4.0]]) == [[2.0], [4.0, 6.0], [8.0]]
    assert recorder.sizes == [4]


def test_rest_and_grpc_share_a_batch(start, recorder):
    server = start(max_batch_size=2, batch_timeout_micros=LONG)
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(server.http.post, "/v1/models/m:predict", json={"instances": [1.0]})
        assert ask(server, [2.0]) == [4.0]
        assert rest.result().json() == {"predictions": [2.0]}
    assert recorder.sizes == [2]


def test_a_batch_that_does_not_fill_runs_when_its_time_is_up(start, recorder):
    server = start(max_batch_size=100, batch_timeout_micros=1000)
    assert ask(server, [1.0]) == [2.0]
    assert recorder.sizes == [1]


def test_a_batch_waits_for_no_more_requests_than_there_are_clients(start, recorder):
    server = start(max_batch_size=3, batch_timeout_micros=LONG)
    assert ask_all(server, [[1.0], [2.0, 3.0]]) == [[2.0], [4.0, 6.0]]
    assert ask_all(server, [[1.0], [2.0]]) == [[2.0], [4.0]]  # two requests again, though there is room
    assert recorder.sizes == [3, 2]


def test_requests_that_come_while_the_model_runs_become_one_batch(start, recorder):
    server = start(max_batch_size=100, num_batch_threads=1)
    recorder.gate.clear()
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(ask, server, [1.0])
        assert recorder.started.acquire(timeout=30)
        answers = [pool.submit(ask, server, [float(value)]) for value in range(8)]
        wait_until(lambda: samples(server.http.get("/monitoring/prometheus/metrics").text)[INPUTS] == 9)
        recorder.gate.set()
        assert first.result() == [2.0]
        assert [answer.result() for answer in answers] == [[2.0 * value] for value in range(8)]
    assert recorder.sizes == [1, 8]


INPUTS = ":tensorflow:serving:batching_session:input_batch_size_count{}"


@pytest.mark.parametrize("bad", [0, 3, 7])
def test_one_bad_item_fails_only_its_own_request(start, bad):
    server = start(max_batch_size=8, batch_timeout_micros=LONG)
    values = [[-1.0] if index == bad else [float(index)] for index in range(8)]
    answers = ask_all(server, values)
    assert answers[bad].code() is grpc.StatusCode.INVALID_ARGUMENT
    assert answers[bad].details() == "negative: [-1.0]"
    assert [answer for index, answer in enumerate(answers) if index != bad] == [
        [2.0 * index] for index in range(8) if index != bad
    ]


def test_a_full_queue_is_unavailable_in_tf_servings_words(start, recorder):
    server = start(max_batch_size=1, max_enqueued_batches=2, num_batch_threads=1)
    recorder.gate.clear()
    with ThreadPoolExecutor(3) as pool:
        running = pool.submit(ask, server, [1.0])
        assert recorder.started.acquire(timeout=30)
        queued = [pool.submit(ask, server, [2.0]) for _ in range(2)]
        wait_until(lambda: samples(server.http.get("/monitoring/prometheus/metrics").text)[INPUTS] == 3)
        refused = server.http.post("/v1/models/m:predict", json={"instances": [3.0]})
        with pytest.raises(grpc.RpcError) as caught:
            ask(server, [3.0])
        recorder.gate.set()
        assert running.result() == [2.0]
        assert [future.result() for future in queued] == [[4.0], [4.0]]
    words = (
        "The batch scheduling queue to which this task was submitted is full; "
        "currently 2 batches enqueued and max_enqueued_batches is 2"
    )
    assert (refused.status_code, refused.json()) == (503, {"error": words})
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert caught.value.details() == words


def test_a_request_larger_than_a_batch_is_refused(start):
    server = start(max_batch_size=2)
    with pytest.raises(grpc.RpcError) as caught:
        ask(server, [1.0, 2.0, 3.0])
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "Task size 3 is larger than maximum input batch size 2"


def test_a_large_request_is_cut_to_fill_batches(start, recorder):
    server = start(
        max_batch_size=10,
        max_execution_batch_size=4,
        enable_large_batch_splitting=True,
        batch_timeout_micros=200_000,
        num_batch_threads=1,
    )
    values = [float(value) for value in range(10)]
    assert ask(server, values) == [2 * value for value in values]
    assert recorder.sizes == [4, 4, 2]


def test_a_split_request_that_does_not_fit_the_queue_is_refused_as_a_whole(start, recorder):
    server = start(
        max_batch_size=10,
        max_execution_batch_size=2,
        enable_large_batch_splitting=True,
        max_enqueued_batches=2,
        batch_timeout_micros=1000,
    )
    with pytest.raises(grpc.RpcError) as caught:
        ask(server, [1.0] * 6)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "task size is 6 but scheduling capacity is only 4" in caught.value.details()
    assert recorder.batches == []


def test_a_batch_is_padded_to_an_allowed_size_with_a_valid_row(start, recorder):
    server = start(max_batch_size=8, allowed_batch_sizes=(2, 4, 8), batch_timeout_micros=1000)
    assert ask(server, [1.0, 2.0, 3.0]) == [2.0, 4.0, 6.0]
    assert recorder.batches[0].tolist() == [1.0, 2.0, 3.0, 1.0]
    found = samples(server.http.get("/monitoring/prometheus/metrics").text)
    assert found[':tensorflow:serving:batching_session:padding_size_sum{execution_batch_size="4"}'] == 1


def test_rows_of_different_sizes_run_in_different_batches(start, recorder):
    server = start(max_batch_size=2, batch_timeout_micros=LONG)
    answers = ask_all(server, [[[1.0]], [[1.0, 2.0]], [[3.0]], [[3.0, 4.0]]], signature="wide")
    assert answers == [[[2.0]], [[2.0, 4.0]], [[6.0]], [[6.0, 8.0]]]
    assert sorted(batch.shape for batch in recorder.batches) == [(2, 1), (2, 2)]


def test_rows_of_different_sizes_are_padded_if_asked(start, recorder):
    server = start(max_batch_size=2, batch_timeout_micros=LONG, pad_variable_length_inputs=True)
    answers = ask_all(server, [[[1.0]], [[1.0, 2.0]]], signature="wide")
    assert answers == [[[2.0, 0.0]], [[2.0, 4.0]]]
    assert [batch.shape for batch in recorder.batches] == [(2, 2)]


def test_strings_are_padded_with_empty_ones(start, recorder):
    server = start(max_batch_size=2, batch_timeout_micros=LONG, pad_variable_length_inputs=True)
    answers = ask_all(server, [[[b"a"]], [[b"b", b"c"]]], signature="text", kind=object)
    assert answers == [[[b"aa", b""]], [[b"bb", b"cc"]]]


@pytest.mark.parametrize(
    ("signature", "values", "output", "answer"),
    [
        ("scalar", 3.0, "y", 6.0),
        ("summed", [1.0, 2.0], "total", 3.0),
        ("liar", [1.0, 2.0], "total", 3.0),
        ("serving_default", [], "y", []),
    ],
)
def test_what_has_no_batch_dimension_runs_by_itself(start, signature, values, output, answer):
    server = start(max_batch_size=2, batch_timeout_micros=1000)
    assert ask_all(server, [values] * 4, signature=signature, output=output) == [answer] * 4


def test_a_client_that_hangs_up_in_the_queue_costs_nothing(start, recorder):
    server = start(max_batch_size=2, batch_timeout_micros=300_000)
    with pytest.raises(grpc.RpcError):
        server.predictions.Predict(message([1.0]), timeout=0.1)
    wait_until(lambda: ask(server, [2.0]) == [4.0])
    assert [1.0] not in [batch.tolist() for batch in recorder.batches]


def test_stopping_runs_what_is_queued(start):
    server = start(max_batch_size=100, batch_timeout_micros=500_000)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, server, [1.0])
        wait_until(lambda: samples(server.http.get("/monitoring/prometheus/metrics").text).get(INPUTS) == 1)
        server.stop()
        assert waiting.result() == [2.0]


def test_a_new_version_takes_over_while_requests_wait_in_batches(start, tmp_path):
    server = start(max_batch_size=4, batch_timeout_micros=2000)
    failures, stop = [], threading.Event()

    def client():
        while not stop.is_set():
            try:
                assert ask(server, [1.0]) == [2.0]
            except Exception as error:  # noqa: BLE001 - any failure is what this test is about
                failures.append(error)

    threads = [threading.Thread(target=client) for _ in range(6)]
    for thread in threads:
        thread.start()
    for version in (2, 3, 4):
        add(tmp_path / "m", version)
        wait_until(lambda version=version: server.states("m").get(version) == "AVAILABLE")
    wait_until(lambda: server.states("m") == {4: "AVAILABLE", 3: "END", 2: "END", 1: "END"})
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_queue_metrics_have_tf_servings_names(start):
    server = start(max_batch_size=2, batch_timeout_micros=LONG, thread_pool_name="pool")
    ask_all(server, [[1.0], [2.0]])
    found = samples(server.http.get("/monitoring/prometheus/metrics").text)
    prefix = ":tensorflow:serving:batching_session"
    assert found[f'{prefix}:queuing_latency_count{{thread_pool_name="pool"}}'] == 2
    assert found[f'{prefix}:queuing_latency_bucket{{thread_pool_name="pool",le="+Inf"}}'] == 2
    assert found[f"{prefix}:wrapped_run_count{{}}"] == 1
    assert found[f"{prefix}:processed_batch_size_sum{{}}"] == 2


def test_a_real_model_answers_the_same_in_batches(tmp_path, model_store):
    push(model_store("pets"), tmp_path / "m", 1)
    batching = BatchingSettings(max_batch_size=8, batch_timeout_micros=50_000, allowed_batch_sizes=(4, 8))
    with RunningServer(ModelSettings("m", tmp_path / "m"), batching=batching) as server:
        server.wait_available("m", 1)
        rng = np.random.default_rng(0)
        images = [rng.random((1, 4, 4, 3), dtype=np.float32) for _ in range(8)]
        requests = [message(image, "serving_pixels") for image in images]
        for request, image in zip(requests, images, strict=True):
            del request.inputs["x"]
            request.inputs["pixels"].CopyFrom(tensors.to_proto(image))
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda item: server.predictions.Predict(item, timeout=30), requests))
        for image, answer in zip(images, answers, strict=True):
            means = image.mean(axis=(1, 2)) * 4
            expected = np.exp(means[:, :2]) / np.exp(means[:, :2]).sum()
            found = tensors.to_array(answer.outputs["probabilities"])
            np.testing.assert_allclose(found, expected, rtol=1e-5)
        bad = predict_pb2.PredictRequest()
        bad.model_spec.name = "m"
        bad.inputs["image_bytes"].CopyFrom(tensors.to_proto(np.array([b"no image"], dtype=object)))
        with pytest.raises(grpc.RpcError) as caught:
            server.predictions.Predict(bad, timeout=30)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_the_parameters_file_is_tf_servings(tmp_path):
    path = tmp_path / "batching.txt"
    path.write_text("""
        max_batch_size { value: 32 }
        batch_timeout_micros { value: 1500 }
        max_enqueued_batches { value: 7 }
        num_batch_threads { value: 3 }
        thread_pool_name { value: "mine" }
        allowed_batch_sizes: 8
        allowed_batch_sizes: 16
        pad_variable_length_inputs: true
        enable_large_batch_splitting { value: true }
        max_execution_batch_size { value: 16 }
    """)
    assert read_batching_settings(path) == BatchingSettings(
        max_batch_size=32,
        batch_timeout_micros=1500,
        max_enqueued_batches=7,
        num_batch_threads=3,
        thread_pool_name="mine",
        allowed_batch_sizes=(8, 16),
        pad_variable_length_inputs=True,
        enable_large_batch_splitting=True,
        max_execution_batch_size=16,
    )
    path.write_text("")
    assert read_batching_settings(path) == BatchingSettings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max_batch_sise { value: 3 }", "max_batch_sise"),
        ("max_batch_size: 3", "is not a BatchingParameters text proto"),
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("num_batch_threads { value: 0 }", "num_batch_threads must be positive; was 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be non-negative; was -1"),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 4",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 9 allowed_batch_sizes: 8",
            "allowed_batch_sizes entries must be monotonically increasing",
        ),
        ("max_execution_batch_size { value: 8 }", "without enable_large_batch_splitting"),
    ],
)
def test_a_wrong_parameters_file_is_named(tmp_path, text, words):
    path = tmp_path / "batching.txt"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=words) as caught:
        read_batching_settings(path)
    assert str(path) in str(caught.value)
