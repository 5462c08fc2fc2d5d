"""The prediction log of a live gateway, read as any TensorFlow program reads it."""

import itertools
import signal

import grpc
import pytest

from serving import tensors
from serving.gateway.settings import GatewaySettings
from serving.prediction_log.entry import LOG_FIELDS
from serving.prediction_log.logged_image import read_logged_images
from serving.prediction_log.tfrecord import TruncatedRecordError, read_records
from serving.protos import classification_pb2, predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc
from tests.serving.gateway.pictures import GREEN, RED
from tests.serving.gateway.process import ServeProcess
from tests.serving.gateway.running import eventually, running_gateway
from tests.serving.gateway.test_metrics import samples, value

pytest_plugins = ("tests.serving.gateway.fixtures",)


def entries(folder):
    return [
        prediction_log_pb2.PredictionLog.FromString(record)
        for file in sorted(folder.glob("*.tfrecord*"))
        for record in read_records(file)
    ]


def grpc_predict(gateway, image=RED):
    request = predict_pb2.PredictRequest()
    request.inputs["image_bytes"].CopyFrom(tensors.to_proto([image]))
    with grpc.insecure_channel(gateway.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return stub.Predict(request, timeout=20, metadata=(("x-request-id", "over-grpc"),))


def grpc_classify(gateway, image=RED):
    request = classification_pb2.ClassificationRequest()
    example = request.input.example_list.examples.add()
    example.features.feature["image/encoded"].bytes_list.value.append(image)
    with grpc.insecure_channel(gateway.grpc) as channel:
        return prediction_service_pb2_grpc.PredictionServiceStub(channel).Classify(request, timeout=20)


def test_nothing_is_kept_unless_a_folder_is_named(backend, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with running_gateway(backend.address) as gateway:
        gateway.post(RED)
        assert "prediction_log" not in gateway.get("/metrics").text

    assert GatewaySettings().prediction_log.folder is None
    assert list(tmp_path.iterdir()) == []


def test_requests_of_both_protocols_are_logged_with_their_answers(backend, tmp_path):
    with running_gateway(backend.address, prediction_log={"folder": str(tmp_path), "sample_rate": 1}) as gateway:
        gateway.post(RED, x_request_id="over-rest")
        gateway.post(b"text")
        grpc_predict(gateway, GREEN)
        grpc_classify(gateway)

    found = entries(tmp_path)
    assert [entry.log_metadata.request_origin for entry in found][:2] == ["over-rest", "over-grpc"]
    assert [entry.WhichOneof("log_type") for entry in found] == ["predict_log", "predict_log", "classify_log"]
    assert set(LOG_FIELDS.values()) >= {entry.WhichOneof("log_type") for entry in found}
    first = found[0]
    assert first.log_metadata.model_spec.name == "pets"
    assert first.log_metadata.model_spec.version.value == 1
    assert first.log_metadata.timestamp_secs > 1.7e9
    assert first.log_metadata.sampling_config.sampling_rate == 1
    assert list(first.predict_log.request.inputs["image_bytes"].string_val) == [RED]
    assert [opinion.opinion.label for entry in found for opinion in read_logged_images(entry.SerializeToString())] == [
        "cat"
    ] * 3


@pytest.mark.parametrize(("below", "logged"), [(0.7, 0), (0.8, 3)])
def test_low_confidence_is_always_logged_and_marked_as_no_fair_sample(backend, tmp_path, below, logged):
    settings = {"folder": str(tmp_path), "sample_rate": 0, "below_confidence": below}
    with running_gateway(backend.address, prediction_log=settings) as gateway:
        gateway.post(RED)
        grpc_predict(gateway)
        grpc_classify(gateway)

    found = entries(tmp_path)
    assert len(found) == logged
    assert all(entry.log_metadata.sampling_config.sampling_rate == 0 for entry in found)


def test_a_log_that_cannot_be_written_costs_no_request(backend, tmp_path):
    folder = tmp_path / "log"
    settings = {"folder": str(folder), "sample_rate": 1, "max_megabytes": 1e-5, "shard_megabytes": 1e-5}
    with running_gateway(backend.address, prediction_log=settings) as gateway:
        assert gateway.post(RED).status_code == 200
        eventually(lambda: value(samples(gateway), "prediction_log_requests_total", outcome="failed") == 1)
        assert value(samples(gateway), "prediction_log_waiting_bytes") == 0


def test_a_folder_that_cannot_be_made_is_said_at_the_start(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(NotADirectoryError, match=r"serving\.prediction_log can't be used"),
        running_gateway("127.0.0.1:1", prediction_log={"folder": str(tmp_path / "file" / "log")}, wait_ready=False),
    ):
        pass


def keeping_process(backend, tmp_path):
    """`darkroom serve` that keeps every request in `kept`, relative to its configuration."""
    config = tmp_path / "darkroom.yaml"
    config.write_text(
        "model: {name: pets}\n"
        f"serving: {{backends: ['{backend.address}'], prediction_log: {{folder: kept, sample_rate: 1}}}}\n"
    )
    return ServeProcess(["-c", str(config)], stderr_path=tmp_path / "stderr")


def test_a_killed_gateway_leaves_whole_records(backend, tmp_path):
    with keeping_process(backend, tmp_path) as process:
        process.wait_until_ready()
        for _ in range(5):
            assert process.predict(RED).status_code == 200
        metric = 'prediction_log_requests_total{outcome="written"} 5.0'
        eventually(lambda: metric in process.get("/metrics").text)
        process.process.send_signal(signal.SIGKILL)
        process.process.wait(20)

    (shard,) = (tmp_path / "kept").iterdir()
    with shard.open("ab") as file:
        file.write(shard.read_bytes()[:100])
    reader = read_records(shard)
    assert len(list(itertools.islice(reader, 5))) == 5
    with pytest.raises(TruncatedRecordError):
        next(reader)


def test_sigterm_flushes_the_log(backend, tmp_path):
    with keeping_process(backend, tmp_path) as process:
        process.wait_until_ready()
        for _ in range(20):
            process.predict(RED)
        assert process.stop() == 0

    assert len(entries(tmp_path / "kept")) == 20
    assert [file.suffix for file in (tmp_path / "kept").iterdir()] == [".tfrecord"]
