import gzip
import io

import grpc
import numpy as np
import pytest
from PIL import Image

from serving import tensors
from serving.protos import predict_pb2, types_pb2


def request(model, inputs, *, signature="", version=None, output_filter=(), layout="content"):
    message = predict_pb2.PredictRequest(output_filter=output_filter)
    message.model_spec.name = model
    message.model_spec.signature_name = signature
    if version is not None:
        message.model_spec.version.value = version
    for name, value in inputs.items():
        array, dtype = value if isinstance(value, tuple) else (value, None)
        message.inputs[name].CopyFrom(tensors.to_proto(array, dtype, layout=layout))
    return message


def image(colour, kind="PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 6), colour).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("model", ["half_plus_two", "tf1_half_plus_two"])
@pytest.mark.parametrize("layout", ["content", "values"])
def test_half_plus_two_over_grpc(server, model, layout):
    response = server.predictions.Predict(request(model, {"x": np.float32([1, 2, 5])}, layout=layout))
    # Many clients read the typed field, which is where TF Serving answers.
    assert list(response.outputs["y"].float_val) == [2.5, 3.0, 4.5]
    assert response.model_spec.name == model
    assert response.model_spec.version.value == 123
    assert response.model_spec.signature_name == "serving_default"


@pytest.mark.parametrize("target", ["", "/versions/123", "/labels/stable"])
@pytest.mark.parametrize("model", ["half_plus_two", "tf1_half_plus_two"])
def test_half_plus_two_over_rest(server, model, target):
    answer = server.http.post(f"/v1/models/{model}{target}:predict", json={"instances": [1.0, 2.0, 5.0]})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}\n'
    columnar = server.http.post(f"/v1/models/{model}{target}:predict", json={"inputs": {"x": [1.0, 2.0]}})
    assert columnar.json() == {"outputs": [2.5, 3.0]}


def test_a_batch_of_none_is_answered(server):
    response = server.predictions.Predict(request("half_plus_two", {"x": np.zeros(0, np.float32)}))
    assert tensors.to_array(response.outputs["y"]).shape == (0,)
    assert server.http.post("/v1/models/half_plus_two:predict", json={"inputs": []}).json() == {"outputs": []}


def test_several_inputs_and_outputs(server):
    strings = np.array([b"\xff\x00", b"a"], dtype=object)
    response = server.predictions.Predict(request("generic", {"text": strings, "scale": np.float32([1, 2])}))
    assert list(response.outputs["text"].string_val) == [b"\xff\x00", b"a"]
    assert list(response.outputs["doubled"].float_val) == [2.0, 4.0]
    answer = server.http.post(
        "/v1/models/generic:predict",
        json={"instances": [{"text": "a", "scale": 1}, {"text": {"b64": "/w"}, "scale": 2}]},
    )
    assert answer.json() == {
        "predictions": [
            {"doubled": 2.0, "text": "a", "text_bytes": {"b64": "YQ=="}},
            {"doubled": 4.0, "text": {"b64": "/w=="}, "text_bytes": {"b64": "/w=="}},
        ]
    }


def test_output_filter_gives_only_those(server):
    message = request(
        "generic",
        {"text": np.array([b"a"], dtype=object), "scale": np.float32([1])},
        output_filter=["doubled"],
    )
    assert set(server.predictions.Predict(message).outputs) == {"doubled"}


@pytest.mark.parametrize("value", [b"a\0", [b"a", b""], [[b"a"], [b"bc"]], np.zeros((0, 2), dtype=object)])
def test_strings_of_any_rank_come_back_unchanged(server, value):
    array = np.array(value, dtype=object)
    response = server.predictions.Predict(request("generic", {"text": array}, signature="echo"))
    back = tensors.to_array(response.outputs["text"])
    assert back.shape == array.shape
    assert back.tolist() == array.tolist()


def test_scalars_and_fixed_shapes(server):
    response = server.predictions.Predict(request("generic", {"a": np.float32(1.5)}, signature="scalar"))
    assert tensors.to_array(response.outputs["twice"]) == np.float32(3.0)
    answer = server.http.post("/v1/models/generic:predict", json={"signature_name": "scalar", "inputs": 1.5})
    assert answer.json() == {"outputs": 3.0}
    body = {"signature_name": "no_batch", "inputs": {"matrix": [[1, 2, 3], [4, 5, 6]]}}
    assert server.http.post("/v1/models/generic:predict", json=body).json() == {"outputs": 21}


def test_a_scalar_output_has_no_rows(server):
    body = {"signature_name": "no_batch", "instances": [[1, 2, 3], [4, 5, 6]]}
    answer = server.http.post("/v1/models/generic:predict", json=body)
    assert answer.status_code == 400
    assert answer.json() == {"error": "Tensor name: total has no shape information "}


@pytest.mark.parametrize("layout", ["content", "values"])
def test_every_dtype_passes_through(server, layout):
    values = {
        "float32": np.float32([1.5, np.nan]),
        "float64": np.float64([1e300, -0.0]),
        "float16": np.float16([1.5, -2]),
        "bfloat16": (np.float32([1.5, -2]), types_pb2.DT_BFLOAT16),
        "int8": np.int8([-128, 127]),
        "int16": np.int16([-(2**15), 2**15 - 1]),
        "int32": np.int32([-(2**31), 2**31 - 1]),
        "int64": np.int64([-(2**63), 2**63 - 1]),
        "uint8": np.uint8([0, 255]),
        "uint16": np.uint16([0, 2**16 - 1]),
        "uint32": np.uint32([0, 2**32 - 1]),
        "uint64": np.uint64([0, 2**64 - 1]),
        "bool": np.bool_([True, False]),
        "string": np.array([b"\0", b"x"], dtype=object),
        "complex64": np.complex64([1 + 2j, -1j]),
        "complex128": np.complex128([1 + 2j, -1j]),
    }
    response = server.predictions.Predict(request("generic", values, signature="types", layout=layout))
    assert len(response.outputs) == len(values)
    for name, value in values.items():
        array = value[0] if isinstance(value, tuple) else value
        back = response.outputs[f"{name}_out"]
        assert types_pb2.DataType.Name(back.dtype).lower().removeprefix("dt_") in (
            {"float32": "float", "float64": "double", "float16": "half"}.get(name, name),
        )
        np.testing.assert_array_equal(tensors.to_array(back), array)


def test_nan_and_infinities_are_bare_words(server):
    answer = server.http.post(
        "/v1/models/generic:predict", content=b'{"signature_name": "special", "instances": [0, -1, Infinity]}'
    )
    assert answer.text == '{\n    "predictions": [-Infinity, NaN, Infinity\n    ]\n}\n'


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_darkroom_model_sees_colours(server, kind):
    images = np.array([image("red", kind), image("lime", kind)], dtype=object)
    response = server.predictions.Predict(request("pets", {"image_bytes": images}))
    assert tensors.to_array(response.outputs["labels"]).tolist() == [[b"cat", b"dog"], [b"dog", b"cat"]]
    assert tensors.to_array(response.outputs["class_ids"]).tolist() == [[0, 1], [1, 0]]
    probabilities = tensors.to_array(response.outputs["probabilities"])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert probabilities[0, 0] > 0.9 < probabilities[1, 1]


def test_darkroom_model_describes_itself(server):
    import json

    response = server.predictions.Predict(
        request("pets", {"request": np.array([b""], dtype=object)}, signature="describe")
    )
    document = json.loads(tensors.to_array(response.outputs["description"])[0])
    assert document["labels"] == ["cat", "dog"]
    assert document["preprocessing"]["version"].startswith("1-")


ERRORS = [
    ("unknown model", request("nope", {}), grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(nope)"),
    (
        "unknown version",
        request("generic", {}, version=7),
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Specific(generic, 7)",
    ),
    ("no name", request("", {}), grpc.StatusCode.INVALID_ARGUMENT, "no name specified"),
    (
        "unknown signature",
        request("generic", {}, signature="nope"),
        grpc.StatusCode.FAILED_PRECONDITION,
        'Serving signature key "nope" not found.',
    ),
    (
        "missing input",
        request("half_plus_two", {}),
        grpc.StatusCode.INVALID_ARGUMENT,
        "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
    ),
    (
        "unknown input",
        request("half_plus_two", {"x": np.float32([1]), "z": np.float32([1])}),
        grpc.StatusCode.INVALID_ARGUMENT,
        "Sent extra: {z}",
    ),
    (
        "dtype",
        request("half_plus_two", {"x": np.array(["a"])}),
        grpc.StatusCode.INVALID_ARGUMENT,
        'input "x" of signature "serving_default" expects dtype float, but got string',
    ),
    (
        "shape",
        request("half_plus_two", {"x": np.float32([[1]])}),
        grpc.StatusCode.INVALID_ARGUMENT,
        'input "x" of signature "serving_default" expects shape [?], but got [1, 1]',
    ),
    (
        "pixels of another size",
        request("pets", {"pixels": np.zeros((1, 5, 4, 3), np.float32)}, signature="serving_pixels"),
        grpc.StatusCode.INVALID_ARGUMENT,
        "expects shape [?, 4, 4, 3], but got [1, 5, 4, 3]",
    ),
    (
        "unknown output",
        request("half_plus_two", {"x": np.float32([1])}, output_filter=["z"]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "output tensor alias not found in signature: z Outputs expected to be in the set {y}.",
    ),
    (
        "output twice",
        request("half_plus_two", {"x": np.float32([1])}, output_filter=["y", "y"]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "duplicate output tensor alias: y",
    ),
    (
        "no image",
        request("pets", {"image_bytes": np.array([b"hello"], dtype=object)}),
        grpc.StatusCode.INVALID_ARGUMENT,
        "Unknown image file format",
    ),
    (
        "assertion in the graph",
        request("generic", {"x": np.float32([-1])}, signature="fail"),
        grpc.StatusCode.INVALID_ARGUMENT,
        "assertion failed: [x must not be negative.",
    ),
]


@pytest.mark.parametrize(("message", "code", "words"), [case[1:] for case in ERRORS], ids=[case[0] for case in ERRORS])
def test_wrong_requests_over_grpc(server, message, code, words):
    with pytest.raises(grpc.RpcError) as caught:
        server.predictions.Predict(message)
    assert caught.value.code() is code
    assert words in caught.value.details()
    assert "\n" not in caught.value.details()


def test_contradicting_tensor_names_the_input(server):
    message = request("half_plus_two", {"x": np.float32([1, 2])})
    message.inputs["x"].tensor_content = b"123"
    with pytest.raises(grpc.RpcError) as caught:
        server.predictions.Predict(message)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "tensor parsing error: x" in caught.value.details()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "/v1/models/nope:predict", b"{}", 404, "Servable not found for request: Latest(nope)"),
        (
            "POST",
            "/v1/models/generic/versions/7:predict",
            b"{}",
            404,
            "Servable not found for request: Specific(generic, 7)",
        ),
        ("POST", "/v1/models/generic/labels/x:predict", b"{}", 400, "Unrecognized servable version label: x"),
        ("POST", "/v1/models/generic/labels/gone:predict", b"{}", 400, "Unrecognized servable version label: gone"),
        ("POST", "/v1/models/generic/versions/99999999999999999999:predict", b"{}", 400, "Failed to convert version"),
        (
            "POST",
            "/v1/models/generic:predict",
            b'{"signature_name": "x", "instances": [1]}',
            400,
            'Serving signature name: "x" not found in signature def',
        ),
        ("POST", "/v1/models/half_plus_two:predict", b"", 400, "JSON Parse error: The document is empty"),
        ("POST", "/v1/models/half_plus_two:predict", b"{}", 400, "Missing 'inputs' or 'instances' key"),
        ("POST", "/v1/models/half_plus_two:predict", b'{"a":' + b"[" * 10_000, 400, "nested too deeply"),
        ("POST", "/v1/models/half_plus_two:predict", b'{"instances": ["a"]}', 400, "is not of expected type: float"),
        ("POST", "/v1/models/half_plus_two:predict", b'{"instances": [[1]]}', 400, "expects shape [?], but got [1, 1]"),
        ("POST", "/v1/models/pets:predict", b'{"instances": ["x"]}', 400, "Unknown image file format"),
        ("POST", "/v1/models/half_plus_two", b"{}", 400, "Malformed request: POST /v1/models/half_plus_two"),
        ("GET", "/v1/models/half_plus_two:predict", None, 400, "Malformed request: GET"),
        ("POST", "/v1/models/half_plus_two:explode", b"{}", 400, "Malformed request"),
        ("GET", "/v1/models/nope", None, 404, "Could not find any versions of model nope"),
        ("GET", "/v1/models/half_plus_two/versions/7", None, 404, "Could not find version 7 of model half_plus_two"),
        ("GET", "/v1/models/nope/metadata", None, 404, "Servable not found for request: Latest(nope)"),
        ("GET", "/v1/models/%ff", None, 400, "Failed to decode model name"),
        ("GET", "/elsewhere", None, 404, "Not found"),
        (
            "POST",
            "/v1/models/half_plus_two:classify",
            b'{"examples": [{"x": 1.0}]}',
            400,
            "No classification inputs found in SignatureDef",
        ),
    ],
)
def test_wrong_requests_over_rest(server, *, method, path, body, status, error):
    answer = server.http.request(method, path, content=body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert error in answer.json()["error"]


def test_a_passed_deadline_is_told_and_the_server_goes_on(server):
    message = request("generic", {"seconds": np.float32(1.0)}, signature="slow")
    with pytest.raises(grpc.RpcError) as caught:
        server.predictions.Predict(message, timeout=0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert server.predictions.Predict(request("half_plus_two", {"x": np.float32([1])}))


def test_path_is_case_insensitive_and_decoded(server):
    assert server.http.post("/V1/Models/half%5Fplus_two:Predict", json={"instances": [1.0]}).status_code == 200


def test_compressed_bodies_are_unpacked(server):
    body = gzip.compress(b'{"instances": [1.0]}', mtime=0)
    answer = server.http.post("/v1/models/half_plus_two:predict", content=body, headers={"content-encoding": "gzip"})
    assert answer.json() == {"predictions": [2.5]}


@pytest.mark.parametrize(
    ("body", "encoding", "error"),
    [
        (b"no gzip", "gzip", "The body is not gzip"),
        (gzip.compress(b'{"instances": [1.0]}', mtime=0)[:-9], "gzip", "is cut off, or holds more than"),
        (gzip.compress(bytes(300 * 1024 * 1024), 1, mtime=0), "gzip", "is cut off, or holds more than"),
        (b"{}", "br", "Content-Encoding br is not supported"),
    ],
)
def test_wrongly_compressed_bodies_are_refused(server, body, encoding, error):
    headers = {"content-encoding": encoding}
    answer = server.http.post("/v1/models/half_plus_two:predict", content=body, headers=headers)
    assert answer.status_code == 400
    assert error in answer.json()["error"]
