"""gRPC in front of the real embedded model server."""

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from serving import tensors
from serving.protos import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    types_pb2,
)
from tests.serving.gateway.pictures import GREEN, RED, bomb, noisy_jpeg

pytest_plugins = ("tests.serving.gateway.fixtures",)


@pytest.fixture(scope="module")
def channel(served):
    with grpc.insecure_channel(served.grpc) as channel:
        yield channel


@pytest.fixture(scope="module")
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request_of(*images, model="pets", signature=""):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    request.inputs["image_bytes"].CopyFrom(tensors.to_proto(list(images)))
    return request


def test_predict_passes_through(prediction):
    answer, call = prediction.Predict.with_call(request_of(RED, GREEN), timeout=20, metadata=[("x-request-id", "abc")])

    assert answer.model_spec.version.value == 1
    assert [row[0] for row in tensors.to_array(answer.outputs["labels"])] == [b"cat", b"dog"]
    assert ("x-request-id", "abc") in [tuple(item) for item in call.trailing_metadata()]


def test_no_model_name_means_the_gateways_model(prediction):
    assert prediction.Predict(request_of(RED, model=""), timeout=20).model_spec.name == "pets"


@pytest.mark.parametrize(
    ("image", "reason"),
    [(b"text", "unknown_format"), (bomb(), "too_long_side"), (noisy_jpeg()[:3000], "truncated")],
)
def test_refused_image_is_invalid_argument_with_reason(prediction, image, reason):
    with pytest.raises(grpc.RpcError) as failure:
        prediction.Predict(request_of(RED, image), timeout=20)

    trailers = dict(failure.value.trailing_metadata())
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (trailers["x-refusal-reason"], trailers["x-refusal-image"]) == (reason, "1")


def repeated():
    request = request_of(RED)
    request.inputs["image_bytes"].tensor_shape.dim[0].size = 1_000_000
    return request


def packed():
    request = request_of(RED)
    tensor = request.inputs["image_bytes"]
    tensor.tensor_content = bytes([len(RED)]) + RED
    del tensor.string_val[:]
    return request


@pytest.mark.parametrize("make", [repeated, packed])
def test_images_that_are_not_listed_one_by_one_are_refused(prediction, make):
    with pytest.raises(grpc.RpcError) as failure:
        prediction.Predict(make(), timeout=20)

    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "string_val" in failure.value.details()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"model": "birds"}, grpc.StatusCode.NOT_FOUND),
        ({"signature": "nope"}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_unknown_names_get_the_model_servers_answer(prediction, options, code):
    with pytest.raises(grpc.RpcError) as failure:
        prediction.Predict(request_of(RED, **options), timeout=20)

    assert failure.value.code() in {code, grpc.StatusCode.FAILED_PRECONDITION}


def test_wrong_dtype_is_the_clients_error(prediction):
    request = request_of(RED)
    request.inputs["image_bytes"].CopyFrom(tensors.to_proto([1.0], types_pb2.DT_FLOAT))

    with pytest.raises(grpc.RpcError) as failure:
        prediction.Predict(request, timeout=20)

    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_classify_passes_through_with_its_images_checked(prediction):
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "pets"
    request.model_spec.signature_name = "classify"
    example = request.input.example_list.examples.add()
    example.features.feature["image/encoded"].bytes_list.value.append(RED)
    answer = prediction.Classify(request, timeout=20)
    example.features.feature["image/encoded"].bytes_list.value[0] = b"text"
    with pytest.raises(grpc.RpcError) as failure:
        prediction.Classify(request, timeout=20)

    assert answer.result.classifications[0].classes[0].label == "cat"
    assert dict(failure.value.trailing_metadata())["x-refusal-reason"] == "unknown_format"


def test_metadata_and_status_pass_through(prediction, channel):
    metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    metadata.model_spec.name = "pets"
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "pets"

    assert prediction.GetModelMetadata(metadata, timeout=20).model_spec.version.value == 1
    answer = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(status, timeout=20)
    assert answer.model_version_status[0].state == get_model_status_pb2.ModelVersionStatus.AVAILABLE


def test_reload_is_not_passed_on(channel):
    with pytest.raises(grpc.RpcError) as failure:
        model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest(
            model_management_pb2.ReloadConfigRequest(), timeout=20
        )

    assert failure.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_health_service_answers_and_watches(channel):
    types = {
        "request_serializer": HealthCheckRequest.SerializeToString,
        "response_deserializer": HealthCheckResponse.FromString,
    }
    check = channel.unary_unary("/grpc.health.v1.Health/Check", **types)
    watch = channel.unary_stream("/grpc.health.v1.Health/Watch", **types)

    assert check(HealthCheckRequest(), timeout=20).status == 1
    assert check(HealthCheckRequest(service="tensorflow.serving.PredictionService"), timeout=20).status == 1
    assert next(watch(HealthCheckRequest(), timeout=20)).status == 1
    with pytest.raises(grpc.RpcError) as failure:
        check(HealthCheckRequest(service="nope"), timeout=20)
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND
