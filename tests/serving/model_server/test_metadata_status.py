import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serving.protos import get_model_metadata_pb2, get_model_status_pb2


def test_metadata_over_grpc(server):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "half_plus_two"
    response = server.predictions.GetModelMetadata(request)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "regress_x_to_y"} <= set(signatures.signature_def)
    assert signatures.signature_def["regress_x_to_y"].method_name == "tensorflow/serving/regress"
    assert response.model_spec.version.value == 123


def test_metadata_over_rest(server):
    document = server.http.get("/v1/models/half_plus_two/versions/123/metadata").json()
    assert document["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": "123"}
    signature = document["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert signature["inputs"]["x"]["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert signature["method_name"] == "tensorflow/serving/predict"


@pytest.mark.parametrize(
    ("fields", "name", "code"),
    [
        ([], "pets", grpc.StatusCode.INVALID_ARGUMENT),
        (["weights"], "pets", grpc.StatusCode.INVALID_ARGUMENT),
        (["signature_def"], "nope", grpc.StatusCode.NOT_FOUND),
        (["signature_def"], None, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_wrong_metadata_requests(server, fields, name, code):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    if name is not None:
        request.model_spec.name = name
    with pytest.raises(grpc.RpcError) as caught:
        server.predictions.GetModelMetadata(request)
    assert caught.value.code() is code


def test_status_over_grpc(server):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "pets"
    (status,) = server.models.GetModelStatus(request).model_version_status
    assert status.version == 123
    assert status.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert status.status.error_code == 0


@pytest.mark.parametrize("target", ["", "/versions/123", "/labels/stable"])
def test_status_over_rest_is_tf_servings_document(server, target):
    assert server.http.get(f"/v1/models/pets{target}").json() == {
        "model_version_status": [
            {"version": "123", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }


@pytest.mark.parametrize("service", ["", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"])
def test_health_says_serving(server, service):
    check = health_pb2_grpc.HealthStub(server.channel).Check
    assert check(health_pb2.HealthCheckRequest(service=service)).status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as caught:
        check(health_pb2.HealthCheckRequest(service="nope"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
