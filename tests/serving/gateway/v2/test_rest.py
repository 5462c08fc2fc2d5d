"""The Open Inference Protocol over REST, in front of the real embedded model server."""

import base64
import json
import struct

import httpx
import numpy as np
import pytest

from tests.serving.gateway.pictures import GREEN, RED, bomb

pytest_plugins = ("tests.serving.gateway.fixtures",)

BASE64 = {"content_type": "base64"}


def framed(*values):
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def images(*values, **changes):
    data = [base64.b64encode(value).decode() for value in values]
    return {
        "name": "image_bytes",
        "datatype": "BYTES",
        "shape": [len(values)],
        "data": data,
        "parameters": BASE64,
        **changes,
    }


def infer(served, document, binary=b"", path="/v2/models/pets/infer", **headers):
    text = json.dumps(document).encode()
    if binary:
        headers["inference-header-content-length"] = str(len(text))
    return httpx.post(f"{served.url}{path}", content=text + binary, headers=headers, timeout=20)


def outputs(answer):
    return {output["name"]: output for output in answer.json()["outputs"]}


def test_liveness_readiness_and_metadata(served):
    assert served.get("/v2/health/live").json() == {"live": True}
    assert served.get("/v2/health/ready").json() == {"ready": True}
    assert served.get("/v2").json()["name"] == "darkroom"
    assert "binary_tensor_data" in served.get("/v2").json()["extensions"]


@pytest.mark.parametrize("path", ["/v2/models/pets", "/v2/models/pets/versions/1"])
def test_model_metadata_lists_tensors(served, path):
    found = served.get(path).json()

    assert (found["name"], found["versions"]) == ("pets", ["1"])
    assert found["inputs"] == [{"name": "image_bytes", "datatype": "BYTES", "shape": [-1]}]
    assert {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]} in found["outputs"]
    assert served.get(f"{path}/ready").json() == {"name": "pets", "ready": True}


@pytest.mark.parametrize("path", ["/v2/models/birds", "/v2/models/birds/ready", "/v2/models/pets/versions/99"])
def test_unknown_models_and_versions_answer_404(served, path):
    assert served.get(path).status_code == 404


def test_images_as_base64_text(served):
    answer = infer(served, {"id": "a1", "inputs": [images(RED, GREEN)]})

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["model_name"], body["model_version"], body["id"]) == ("pets", "1", "a1")
    found = outputs(answer)
    assert found["labels"] == {
        "name": "labels",
        "datatype": "BYTES",
        "shape": [2, 2],
        "data": ["cat", "dog", "dog", "cat"],
    }
    assert found["class_ids"]["data"] == [0, 1, 1, 0]
    assert found["probabilities"]["datatype"] == "FP32"


def test_images_as_binary_data(served):
    binary = framed(RED, GREEN)
    tensor = {
        "name": "image_bytes",
        "datatype": "BYTES",
        "shape": [2],
        "parameters": {"binary_data_size": len(binary)},
    }
    answer = infer(served, {"inputs": [tensor], "outputs": [{"name": "class_ids"}]}, binary)

    assert answer.status_code == 200, answer.text
    assert [output["name"] for output in answer.json()["outputs"]] == ["class_ids"]


def test_binary_outputs_follow_the_json_in_order(served):
    wanted = [
        {"name": "labels", "parameters": {"binary_data": True}},
        {"name": "class_ids"},
        {"name": "probabilities", "parameters": {"binary_data": True}},
    ]
    answer = infer(served, {"inputs": [images(RED)], "outputs": wanted})

    length = int(answer.headers["inference-header-content-length"])
    labels, class_ids, probabilities = json.loads(answer.content[:length])["outputs"]
    rest = answer.content[length:]
    size = labels["parameters"]["binary_data_size"]
    assert rest[:size] == framed(b"cat", b"dog")
    assert class_ids["data"] == [0, 1]
    assert np.frombuffer(rest[size:], "<f4").sum() == pytest.approx(1)
    assert probabilities["parameters"]["binary_data_size"] == 8


def test_all_outputs_can_be_asked_for_as_binary(served):
    answer = infer(served, {"inputs": [images(RED)], "parameters": {"binary_data_output": True}})

    length = int(answer.headers["inference-header-content-length"])
    assert all("data" not in output for output in json.loads(answer.content[:length])["outputs"])


@pytest.mark.parametrize("nested", [True, False])
def test_another_signature_takes_numbers_flat_or_nested(served, nested):
    pixels = np.zeros((1, 4, 4, 3), np.float32)
    pixels[..., 1] = 1
    data = pixels.tolist() if nested else pixels.ravel().tolist()
    tensor = {"name": "pixels", "datatype": "FP32", "shape": [1, 4, 4, 3], "data": data}
    answer = infer(served, {"inputs": [tensor], "parameters": {"signature_name": "serving_pixels"}})

    assert outputs(answer)["labels"]["data"] == ["dog", "cat"]


def test_a_refused_image_says_which_and_why(served):
    answer = infer(served, {"inputs": [images(RED, bomb())]})

    assert (answer.status_code, answer.json()["reason"], answer.json()["image"]) == (400, "too_long_side", 1)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": [1]}, "inputs"),
        ({"inputs": [images(RED), images(RED)]}, "twice"),
        ({"inputs": [images(RED, datatype="IMAGE")]}, "BYTES"),
        ({"inputs": [images(RED, shape=[2])]}, "2"),
        ({"inputs": [images(RED, shape=[-1])]}, "negative"),
        ({"inputs": [images(RED, shape=[2**70])]}, "whole numbers"),
        ({"inputs": [images(RED, shape=[1] * 65)]}, "64"),
        ({"inputs": [images(RED, shape="1")]}, "whole numbers"),
        ({"inputs": [images(RED, data="x")]}, "list"),
        ({"inputs": [images(RED, data=["***"])]}, "base64"),
        ({"inputs": [images(RED, name="picture")]}, "picture"),
        ({"inputs": [images(RED, parameters={"binary_data_size": 5})]}, "binary data"),
        ({"inputs": [images(RED, parameters=[])]}, "parameters"),
        ({"inputs": [images(RED)], "outputs": [{"name": "nope"}]}, "nope"),
        ({"inputs": [images(RED)], "outputs": [{"name": "labels"}, {"name": "labels"}]}, "twice"),
        ({"inputs": [images(RED)], "parameters": {"signature_name": "nope"}}, "nope"),
        ({"inputs": [images(RED)], "parameters": {"signature_name": 1}}, "signature_name"),
    ],
)
def test_wrong_requests_answer_400_and_say_what(served, document, text):
    answer = infer(served, document)

    assert (answer.status_code, text in answer.json()["error"]) == (400, True), answer.text


@pytest.mark.parametrize("length", ["x", "-1", "99999999", "3", "9" * 30])
def test_a_wrong_length_of_the_json_answers_400(served, length):
    headers = {"inference-header-content-length": length}
    answer = infer(served, {"inputs": [images(RED)]}, **headers)

    assert answer.status_code == 400


def test_bytes_that_belong_to_nothing_answer_400(served):
    answer = infer(served, {"inputs": [images(RED)]}, b"surplus")

    assert (answer.status_code, "7 bytes" in answer.json()["error"]) == (400, True)


def test_wrong_methods_and_paths(served):
    assert served.get("/v2/models/pets/infer").status_code == 405
    assert served.get("/v2/models/pets/explain").status_code == 404
