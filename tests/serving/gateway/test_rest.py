"""REST in front of the real embedded model server."""

import base64
import http.client
import json
import socket

import httpx
import pytest

from tests.serving.gateway.pictures import GREEN, RED, bomb, noisy_jpeg, picture

pytest_plugins = ("tests.serving.gateway.fixtures",)


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


def predict_json(served, document, path="/v1/models/pets:predict", **options):
    return httpx.post(f"{served.url}{path}", json=document, timeout=20, **options)


def test_raw_image_answers_label_confidence_and_versions(served):
    answer = served.predict(RED)

    assert answer.status_code == 200
    body = answer.json()
    assert body["model"] == {"name": "pets", "version": "1"}
    assert body["preprocessing_version"].startswith("1-")
    (found,) = body["predictions"]
    assert (found["label"], found["class_id"]) == ("cat", 0)
    assert found["confidence"] > 0.9
    assert [scored["label"] for scored in found["top_k"]] == ["cat", "dog"]
    assert found["image"] == {"format": "png", "width": 20, "height": 10}
    assert body["timing_ms"]["total"] >= body["timing_ms"]["model"] > 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_the_bytes_decide_the_format_not_the_declared_type(served, kind):
    answer = served.predict(picture(kind=kind), headers={"content-type": "image/x-anything"})

    assert answer.status_code in (200, 400)  # the test model's own decoder takes no WebP
    if kind != "WEBP":
        assert answer.json()["predictions"][0]["image"]["format"] == kind.lower()


def test_multipart_answers_each_image_in_order(served):
    files = [("a", ("1.png", RED)), ("b", ("2.jpg", picture((5, 250, 5), "JPEG")))]

    answer = httpx.post(f"{served.url}/v1/models/pets:predict?top_k=1", files=files, timeout=20)

    found = answer.json()["predictions"]
    assert [prediction["label"] for prediction in found] == ["cat", "dog"]
    assert [len(prediction["top_k"]) for prediction in found] == [1, 1]


def test_json_is_answered_in_tf_servings_row_format(served):
    answer = predict_json(served, {"instances": [b64(RED), b64(GREEN)]})

    assert answer.status_code == 200
    assert [row["labels"][0] for row in answer.json()["predictions"]] == ["cat", "dog"]


def test_json_is_answered_in_tf_servings_columnar_format(served):
    answer = predict_json(served, {"inputs": {"image_bytes": [b64(GREEN)]}, "signature_name": "serving_default"})

    assert answer.json()["outputs"]["class_ids"] == [[1, 0]]


def test_curls_default_content_type_means_json(served):
    answer = httpx.post(
        f"{served.url}/v1/models/pets:predict",
        content=json.dumps({"instances": [b64(RED)]}),
        headers={"content-type": "application/x-www-form-urlencoded"},
        timeout=20,
    )

    assert answer.status_code == 200


def test_other_signatures_pass_through_json(served):
    pixels = [[[0.0, 1.0, 0.0]] * 4] * 4

    answer = predict_json(served, {"instances": [pixels], "signature_name": "serving_pixels"})

    assert answer.json()["predictions"][0]["labels"] == ["dog", "cat"]


def test_classify_passes_through_with_its_images_checked(served):
    good = predict_json(
        served,
        {"signature_name": "classify", "examples": [{"image/encoded": b64(RED)}]},
        "/v1/models/pets:classify",
    )
    bad = predict_json(
        served,
        {"signature_name": "classify", "examples": [{"image/encoded": b64(bomb())}]},
        "/v1/models/pets:classify",
    )

    assert dict(good.json()["results"][0])["cat"] > 0.9
    assert (bad.status_code, bad.json()["reason"]) == (400, "too_long_side")


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (b"just some text, named cat.jpg", "unknown_format"),
        (b"", "empty"),
        (noisy_jpeg()[:3000], "truncated"),
        (bomb(), "too_long_side"),
    ],
    ids=["text", "empty", "truncated", "bomb"],
)
@pytest.mark.parametrize("how", ["raw", "multipart", "json"])
def test_refused_image_answers_400_with_its_reason_and_place(served, image, reason, how):
    if how == "raw":
        answer, place = served.predict(image), 0
    elif how == "multipart":
        files = [("a", ("1.png", RED)), ("b", ("2.jpg", image))]
        answer, place = httpx.post(f"{served.url}/v1/models/pets:predict", files=files, timeout=20), 1
    else:
        answer, place = predict_json(served, {"instances": [b64(RED), b64(image)]}), 1

    assert answer.status_code == 400
    body = answer.json()
    assert (body["code"], body["reason"], body["image"]) == ("INVALID_ARGUMENT", reason, place)
    assert body["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("top_k", ["0", "-1", "3", "101", "x", "1.5", "99999999999999999999"])
def test_top_k_out_of_range_says_the_range(served, top_k):
    answer = served.predict(RED, f"?top_k={top_k}")

    assert answer.status_code == 400
    assert "from 1 to" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/v1/models/birds:predict", 404, "birds"),
        ("/v1/models/pets/versions/99:predict", 404, "99"),
        ("/v1/models/pets/versions/99999999999999999999:predict", 400, "64-bit"),
        ("/v1/models/pets:predict?signature_name=nope", 400, "serving_default"),
        ("/v1/models/pets:predict?signature_name=serving_pixels", 400, "pixels (float)"),
        ("/v1/models/pets:predict?topk=3", 400, "top_k"),
        ("/v1/models/pets:frobnicate", 404, "Malformed request"),
        ("/v1/nothing", 404, "nothing"),
    ],
)
def test_unknown_targets_are_named(served, path, status, text):
    answer = httpx.post(f"{served.url}{path}", content=RED, headers={"content-type": "image/png"}, timeout=20)

    assert (answer.status_code, text in answer.json()["error"]) == (status, True), answer.text


def test_an_unknown_label_is_the_clients_error(served):
    answer = httpx.post(
        f"{served.url}/v1/models/pets/labels/stable:predict", content=RED, headers={"content-type": "image/png"}
    )

    assert answer.status_code in (400, 404)
    assert "stable" in answer.json()["error"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/pdf", "nonsense", "video/mp4"])
def test_unsupported_content_type_answers_415(served, content_type):
    answer = served.predict(RED, headers={"content-type": content_type})

    assert answer.status_code == 415
    assert "image/*" in answer.headers["accept-post"]


def test_compressed_body_answers_415(served):
    assert served.predict(RED, headers={"content-encoding": "gzip"}).status_code == 415


def test_wrong_method_answers_405_and_says_which(served):
    answer = served.get("/v1/models/pets:predict")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert httpx.put(f"{served.url}/livez").status_code == 405


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 10_000 + b"]" * 10_000,
        b'{"instances": ' + b"[" * 100_000,
        b'{"instances": ' + b"[" * 10_000 + b"1" + b"]" * 10_000 + b"}",
        b"\xff\xfe",
        b"{}",
        b"",
        b'{"instances": [{"b64": "***"}]}',
        b'{"instances": [1, 2]}',
        b'{"instances": ["text"], "inputs": ["text"]}',
    ],
)
def test_bad_json_answers_400(served, body):
    answer = httpx.post(
        f"{served.url}/v1/models/pets:predict", content=body, headers={"content-type": "application/json"}, timeout=20
    )

    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("multipart/form-data", b"x", "boundary"),
        ("multipart/form-data; boundary=b", b"", "closing boundary"),
        ("multipart/form-data; boundary=b", b"nonsense", "multipart"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nabc',
            "closing boundary",
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="top_k"\r\n\r\n3\r\n--b--\r\n',
            "is not a file",
        ),
    ],
)
def test_bad_multipart_answers_400(served, content_type, body, text):
    answer = served.predict(body, headers={"content-type": content_type})

    assert (answer.status_code, text in answer.json()["error"]) == (400, True), answer.text


def test_query_options_do_not_go_with_json(served):
    answer = predict_json(served, {"instances": [b64(RED)]}, "/v1/models/pets:predict?top_k=1")

    assert (answer.status_code, "top_k" in answer.json()["error"]) == (400, True)


def test_status_and_metadata_have_tf_servings_shape(served):
    status = served.get("/v1/models/pets").json()
    metadata = served.get("/v1/models/pets/versions/1/metadata").json()

    assert status["model_version_status"][0] == {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    assert metadata["model_spec"] == {"name": "pets", "signature_name": "", "version": "1"}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["image_bytes"]["dtype"] == "DT_STRING"


def test_request_id_comes_back_and_bad_ones_are_replaced(served):
    own = served.predict(RED, headers={"x-request-id": "job-7/3"})
    bad = served.predict(RED, headers={"x-request-id": 'a"b c'})

    assert own.headers["x-request-id"] == "job-7/3"
    assert bad.headers["x-request-id"] != 'a"b c'
    assert len(bad.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    "headers",
    [
        {"x-deadline-ms": "0"},
        {"x-deadline-ms": "soon"},
        {"x-deadline-ms": "-5"},
        {"grpc-timeout": "5"},
        {"grpc-timeout": "0S"},
    ],
)
def test_bad_deadline_answers_400(served, headers):
    assert served.predict(RED, headers=headers).status_code == 400


def test_headers_that_are_not_utf8_do_no_harm(served):
    host, port = served.rest.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: \xff\xfe\r\nConnection: close\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_chunked_bodies_work(served):
    host, port = served.rest.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.request(
        "POST",
        "/v1/models/pets:predict",
        iter([RED[:20], RED[20:]]),
        {"content-type": "image/png"},
        encode_chunked=True,
    )

    assert connection.getresponse().status == 200
    connection.close()
