import base64
import io

import grpc
import pytest
from PIL import Image

from serving.model_server.inference import CLASSIFY_METHOD, REGRESS_METHOD
from serving.protos import classification_pb2, inference_pb2, input_pb2, regression_pb2


def png(colour) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (5, 5), colour).save(out, "PNG")
    return out.getvalue()


def examples(*values, context=None) -> input_pb2.Input:
    source = input_pb2.Input()
    target = source.example_list
    if context is not None:
        target = source.example_list_with_context
        target.context.features.feature["x"].float_list.value.append(context)
    for value in values:
        example = target.examples.add()
        if value is not None:
            example.features.feature["x"].float_list.value.append(value)
    return source


def regression(source, signature="regress_x_to_y") -> regression_pb2.RegressionRequest:
    message = regression_pb2.RegressionRequest(input=source)
    message.model_spec.name = "half_plus_two"
    message.model_spec.signature_name = signature
    return message


def test_regress_over_grpc(server):
    response = server.predictions.Regress(regression(examples(1.0, 5.0)))
    assert [item.value for item in response.result.regressions] == [2.5, 4.5]
    assert response.model_spec.signature_name == "regress_x_to_y"
    assert response.model_spec.version.value == 123


def test_context_features_are_shared_and_yield_to_an_examples_own(server):
    response = server.predictions.Regress(regression(examples(None, 5.0, context=1.0)))
    assert [item.value for item in response.result.regressions] == [2.5, 4.5]


def test_regress_over_rest(server):
    body = {"signature_name": "regress_x_to_y", "examples": [{"x": 1.0}, {"x": [5.0]}]}
    answer = server.http.post("/v1/models/half_plus_two:regress", json=body)
    assert answer.json() == {"results": [2.5, 4.5]}


def test_classify_over_grpc(server):
    message = classification_pb2.ClassificationRequest()
    message.model_spec.name = "pets"
    message.model_spec.signature_name = "classify"
    for colour in ("red", "lime"):
        example = message.input.example_list.examples.add()
        example.features.feature["image/encoded"].bytes_list.value.append(png(colour))
    response = server.predictions.Classify(message)
    scores = [{item.label: item.score for item in row.classes} for row in response.result.classifications]
    assert [max(row, key=row.__getitem__) for row in scores] == ["cat", "dog"]


def test_classify_over_rest(server):
    image = {"image/encoded": {"b64": base64.b64encode(png("red")).decode()}}
    answer = server.http.post("/v1/models/pets:classify", json={"signature_name": "classify", "examples": [image]})
    ((first, second),) = answer.json()["results"]
    assert first[0] == "cat"
    assert first[1] + second[1] == pytest.approx(1.0)


def multi(*tasks) -> inference_pb2.MultiInferenceRequest:
    message = inference_pb2.MultiInferenceRequest(input=examples(1.0))
    for signature, method in tasks:
        task = message.tasks.add(method_name=method)
        task.model_spec.name = "half_plus_two"
        task.model_spec.signature_name = signature
    return message


def test_multi_inference(server):
    response = server.predictions.MultiInference(multi(("regress_x_to_y", REGRESS_METHOD)))
    assert response.results[0].regression_result.regressions[0].value == 2.5
    assert response.results[0].model_spec.version.value == 123


@pytest.mark.parametrize(
    ("tasks", "code"),
    [
        ([], grpc.StatusCode.INVALID_ARGUMENT),
        ([("regress_x_to_y", REGRESS_METHOD)] * 2, grpc.StatusCode.INVALID_ARGUMENT),
        ([("regress_x_to_y", CLASSIFY_METHOD)], grpc.StatusCode.FAILED_PRECONDITION),
        ([("regress_x_to_y", "tensorflow/serving/predict")], grpc.StatusCode.UNIMPLEMENTED),
    ],
)
def test_wrong_multi_inference(server, tasks, code):
    with pytest.raises(grpc.RpcError) as caught:
        server.predictions.MultiInference(multi(*tasks))
    assert caught.value.code() is code


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (regression(examples()), "Input is empty."),
        (regression(input_pb2.Input()), "Input is empty."),
        (regression(examples(1.0), "nope"), "No signature was found with the name: nope"),
        (regression(examples(None)), "Feature: x (data type: float) is required but could not be found."),
    ],
)
def test_wrong_regressions(server, message, words):
    with pytest.raises(grpc.RpcError) as caught:
        server.predictions.Regress(message)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert words in caught.value.details()


def test_a_signature_without_examples_is_a_failed_precondition(server):
    with pytest.raises(grpc.RpcError) as caught:
        server.predictions.Regress(regression(examples(1.0), ""))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "No regression inputs found in SignatureDef" in caught.value.details()


def test_signatures_of_tensorflow_2_need_no_method_name(server):
    message = regression(examples(3.0))
    message.model_spec.name = "generic"
    message.model_spec.signature_name = "native_regress"
    response = server.predictions.Regress(message)
    assert [item.value for item in response.result.regressions] == [6.0]
    body = {"signature_name": "native_classify", "examples": [{"x": 1.0}, {"x": 2.0}]}
    answer = server.http.post("/v1/models/generic:classify", json=body)
    assert answer.json() == {"results": [[["a", 1.0], ["b", -1.0]], [["a", 2.0], ["b", -2.0]]]}


def test_multi_inference_answers_each_task(server):
    message = inference_pb2.MultiInferenceRequest(input=examples(1.0, 2.0))
    for signature, method in (("native_regress", REGRESS_METHOD), ("native_classify", CLASSIFY_METHOD)):
        task = message.tasks.add(method_name=method)
        task.model_spec.name = "generic"
        task.model_spec.signature_name = signature
    regressed, classified = server.predictions.MultiInference(message).results
    assert [item.value for item in regressed.regression_result.regressions] == [2.0, 4.0]
    assert regressed.model_spec.signature_name == "native_regress"
    rows = classified.classification_result.classifications
    assert [[(item.label, item.score) for item in row.classes] for row in rows] == [
        [("a", 1.0), ("b", -1.0)],
        [("a", 2.0), ("b", -2.0)],
    ]


def test_a_tf1_saved_model_classifies_regresses_and_looks_up_its_table(server):
    def post(method, body):
        return server.http.post(f"/v1/models/tf1_classifier:{method}", json=body).json()

    rows = [{"x": 1.0}, {"x": -2.0}]
    assert post("classify", {"signature_name": "classify", "examples": rows}) == {
        "results": [[["negative", -1.0], ["positive", 1.0]], [["negative", 2.0], ["positive", -2.0]]]
    }
    assert post("regress", {"signature_name": "regress", "examples": rows}) == {"results": [3.0, -6.0]}
    assert post("predict", {"instances": ["two", "one", "three"]}) == {"predictions": [2, 1, -1]}
