"""What goes in and which form comes out: images, JSON of images, TF Serving's JSON; labels or tensors."""

import base64
import json

import httpx
import pytest

from serving.gateway.rest_models import LABELS_TYPE, TENSORS_TYPE
from tests.serving.gateway.pictures import GREEN, RED

pytest_plugins = ("tests.serving.gateway.fixtures",)

OWN = {"images": [{"b64": base64.b64encode(RED).decode()}, {"b64": base64.b64encode(GREEN).decode()}]}
TF_SERVING = {"instances": OWN["images"]}


def ask(served, document, accept=None, query=""):
    headers = {"accept": accept} if accept is not None else {}
    return httpx.post(f"{served.url}/v1/models/pets:predict{query}", json=document, headers=headers, timeout=20)


def test_images_in_json_are_answered_with_labels(served):
    answer = ask(served, OWN | {"top_k": 1, "signature_name": "serving_default"})

    assert [found["label"] for found in answer.json()["predictions"]] == ["cat", "dog"]
    assert [len(found["top_k"]) for found in answer.json()["predictions"]] == [1, 1]


def test_tf_servings_json_can_be_answered_with_labels(served):
    answer = ask(served, TF_SERVING, LABELS_TYPE, "?top_k=1")

    assert answer.headers["content-type"] == LABELS_TYPE
    assert [found["label"] for found in answer.json()["predictions"]] == ["cat", "dog"]
    assert [len(found["top_k"]) for found in answer.json()["predictions"]] == [1, 1]


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", TENSORS_TYPE, "image/png", "text/plain"])
def test_tf_servings_json_is_answered_in_kind_whatever_its_client_accepts(served, accept):
    answer = ask(served, TF_SERVING, accept)

    assert answer.status_code == 200
    assert answer.json()["predictions"][0]["class_ids"] == [0, 1]


def test_images_can_be_answered_with_tf_servings_tensors(served):
    answers = [
        served.predict(RED, headers={"accept": TENSORS_TYPE}),
        ask(served, OWN, TENSORS_TYPE),
    ]

    for answer in answers:
        assert answer.headers["content-type"] == TENSORS_TYPE
        assert answer.json()["predictions"][0]["labels"] == ["cat", "dog"]
    assert answers[1].content == ask(served, TF_SERVING).content


def test_an_image_whose_client_accepts_no_form_answers_406(served):
    answer = served.predict(RED, headers={"accept": "text/html"})

    assert (answer.status_code, LABELS_TYPE in answer.json()["error"]) == (406, True)


def test_top_k_does_not_go_with_tensors(served):
    answer = served.predict(RED, "?top_k=1", headers={"accept": TENSORS_TYPE})

    assert (answer.status_code, "top_k" in answer.json()["error"]) == (400, True)


def test_caches_are_told_that_accept_matters(served):
    assert served.predict(RED).headers["vary"] == "accept"


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"images": []}, "at least one"),
        ({"images": "x"}, "list"),
        ({"images": ["x"]}, "image 0"),
        ({"images": [{"b64": "***"}]}, "image 0"),
        ({"images": [{"b64": 1}]}, "image 0"),
        ({"images": [{"url": None}]}, "image 0"),
        ({"images": [{"b64": "", "url": ""}]}, "image 0"),
        (OWN | {"top_k": "3"}, "top_k"),
        (OWN | {"top_k": True}, "top_k"),
        (OWN | {"top_k": 0}, "top_k"),
        (OWN | {"topk": 3}, "topk"),
        (OWN | {"instances": []}, "instances"),
    ],
)
def test_wrong_json_of_images_says_what_is_wrong(served, document, text):
    answer = ask(served, document)

    assert (answer.status_code, text in answer.json()["error"]) == (400, True), answer.text


def test_too_many_images_in_json_are_refused(served):
    answer = ask(served, {"images": OWN["images"] * 40})

    assert (answer.status_code, "80 images" in json.dumps(answer.json())) == (400, True)
