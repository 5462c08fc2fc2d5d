"""Whatever clients send is their error, never the gateway's."""

import json

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.serving.gateway.fake_backend import FakeBackend
from tests.serving.gateway.pictures import RED, noisy_jpeg
from tests.serving.gateway.running import running_gateway

some = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
JPEG = noisy_jpeg(40, 30)


@pytest.fixture(scope="module")
def ask():
    with FakeBackend() as backend, running_gateway(backend.address) as gateway, httpx.Client(timeout=10) as client:

        def post(path, content, content_type):
            answer = client.post(f"{gateway.url}{path}", content=content, headers={"content-type": content_type})
            assert answer.status_code < 500, answer.text
            if answer.status_code >= 400:
                assert {"error", "code", "request_id"} <= answer.json().keys()
            return answer

        yield post
        assert gateway.get("/readyz").status_code == 200


@some
@given(st.binary(max_size=2000), st.sampled_from(["image/png", "application/octet-stream"]))
def test_random_bytes(ask, body, content_type):
    ask("/v1/models/pets:predict", body, content_type)


@some
@given(st.sampled_from([RED, JPEG]), st.data())
def test_damaged_images(ask, image, data):
    damaged = bytearray(image[: data.draw(st.integers(1, len(image)))])
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    ask("/v1/models/pets:predict", bytes(damaged), "image/png")


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@some
@given(st.sampled_from(["instances", "inputs", "examples", "signature_name"]), _JSON)
@example("signature_name", "\ud800")
@example("instances", [{"b64": "\ud800"}])
@example("instances", [{"b64": None}])
def test_random_json(ask, key, document):
    ask("/v1/models/pets:predict", json.dumps({key: document}).encode(), "application/json")
    ask("/v1/models/pets:classify", json.dumps({key: document, "examples": [document]}).encode(), "application/json")


@some
@given(st.sampled_from(["images", "top_k"]), _JSON)
@example("images", [{"url": "https://\ud800/"}])
@example("images", [{"b64": "\ud800"}])
def test_random_json_of_images(ask, key, document):
    ask("/v1/models/pets:predict", json.dumps({"images": [document], key: document}).encode(), "application/json")


@some
@given(_JSON, _JSON, st.sampled_from(["BYTES", "FP32", "INT8"]))
@example(["x"], [10**30], "BYTES")
@example([], [0, 2**62], "FP32")
def test_random_open_inference_tensors(ask, data, shape, datatype):
    for size in (shape, [len(data)] if isinstance(data, list) else [1]):
        tensor = {"name": "image_bytes", "datatype": datatype, "shape": size, "data": data}
        ask("/v2/models/pets/infer", json.dumps({"inputs": [tensor]}).encode(), "application/json")


@some
@given(st.binary(max_size=300), st.text(alphabet='abc;=" -', max_size=20))
def test_random_multipart(ask, body, boundary):
    content_type = f"multipart/form-data; boundary={boundary}".strip()
    for content in (body, f"--{boundary}\r\n".encode() + body + f"\r\n--{boundary}--\r\n".encode()):
        ask("/v1/models/pets:predict", content, content_type)


@some
@given(st.text(alphabet="/:%.?&=abv1models0\u00e4", max_size=40))
def test_random_paths(ask, tail):
    ask("/v1/models/" + tail, RED, "image/png")
