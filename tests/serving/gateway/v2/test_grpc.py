"""The Open Inference Protocol over gRPC, in front of the real embedded model server."""

import struct

import grpc
import numpy as np
import pytest

from serving.gateway.v2 import open_inference_pb2 as pb
from tests.serving.gateway.pictures import GREEN, RED, bomb

pytest_plugins = ("tests.serving.gateway.fixtures",)


@pytest.fixture(scope="module")
def call(served):
    with grpc.insecure_channel(served.grpc) as channel:

        def call(method, **fields):
            request, response = getattr(pb, f"{method}Request"), getattr(pb, f"{method}Response")
            ask = channel.unary_unary(
                f"/inference.GRPCInferenceService/{method}",
                request_serializer=request.SerializeToString,
                response_deserializer=response.FromString,
            )
            return ask(request(**fields), timeout=20)

        yield call


def tensor(*values, name="image_bytes", datatype="BYTES", shape=None, field="bytes_contents"):
    contents = {"contents": {field: values}} if field else {}
    return {"name": name, "datatype": datatype, "shape": shape or [len(values)], **contents}


def test_liveness_readiness_and_metadata(call):
    assert call("ServerLive").live
    assert call("ServerReady").ready
    assert call("ServerMetadata").name == "darkroom"
    assert call("ModelReady", name="pets").ready
    assert call("ModelReady", name="pets", version="1").ready
    assert not call("ModelReady", name="birds").ready
    assert not call("ModelReady", name="pets", version="9").ready


def test_model_metadata_lists_tensors(call):
    found = call("ModelMetadata", name="pets")

    assert (found.name, list(found.versions), found.platform) == ("pets", ["1"], "tensorflow_savedmodel")
    assert [(i.name, i.datatype, list(i.shape)) for i in found.inputs] == [("image_bytes", "BYTES", [-1])]
    assert ("probabilities", "FP32", [-1, 2]) in [(o.name, o.datatype, list(o.shape)) for o in found.outputs]


def test_images_in_contents_are_answered_in_contents(call):
    found = call("ModelInfer", model_name="pets", id="a1", inputs=[tensor(RED, GREEN)])

    assert (found.model_name, found.model_version, found.id) == ("pets", "1", "a1")
    outputs = {output.name: output for output in found.outputs}
    assert list(outputs["labels"].contents.bytes_contents) == [b"cat", b"dog", b"dog", b"cat"]
    assert list(outputs["class_ids"].contents.int64_contents) == [0, 1, 1, 0]
    assert sum(outputs["probabilities"].contents.fp32_contents) == pytest.approx(2)


def test_raw_images_are_answered_raw(call):
    raw = b"".join(struct.pack("<I", len(image)) + image for image in (RED, GREEN))
    wanted = [{"name": "labels"}, {"name": "probabilities"}]
    found = call(
        "ModelInfer", model_name="pets", inputs=[tensor(shape=[2], field="")], outputs=wanted, raw_input_contents=[raw]
    )

    assert [output.name for output in found.outputs] == ["labels", "probabilities"]
    labels, probabilities = found.raw_output_contents
    assert labels.startswith(b"\3\0\0\0cat\3\0\0\0dog")
    assert np.frombuffer(probabilities, "<f4").reshape(2, 2).argmax(1).tolist() == [0, 1]


def test_another_signature_takes_numbers(call):
    pixels = np.zeros((1, 4, 4, 3), np.float32)
    pixels[..., 1] = 1
    sent = tensor(*pixels.ravel().tolist(), name="pixels", datatype="FP32", shape=[1, 4, 4, 3], field="fp32_contents")
    found = call(
        "ModelInfer",
        model_name="pets",
        inputs=[sent],
        outputs=[{"name": "labels"}],
        parameters={"signature_name": pb.InferParameter(string_param="serving_pixels")},
    )

    assert list(found.outputs[0].contents.bytes_contents) == [b"dog", b"cat"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"inputs": []}, "no inputs"),
        ({"inputs": [tensor(RED)], "raw_input_contents": [RED]}, "contents"),
        ({"inputs": [tensor(RED)], "raw_input_contents": [RED, RED]}, "raw_input_contents"),
        ({"inputs": [tensor(field="", shape=[1])], "raw_input_contents": [RED]}, "length"),
        ({"inputs": [tensor(field="", shape=[1])], "raw_input_contents": [b"\1"]}, "length"),
        ({"inputs": [tensor(RED, shape=[2])]}, "room for 2"),
        ({"inputs": [tensor(RED, shape=[2**62, 2**62])]}, "room for"),
        ({"inputs": [tensor(RED, datatype="FP16")]}, "raw_input_contents"),
        ({"inputs": [tensor(RED, datatype="FP32")]}, "fp32_contents"),
        ({"inputs": [tensor(300, datatype="INT8", field="int_contents")]}, "fit"),
        ({"inputs": [tensor(RED, datatype="?")]}, "datatype"),
        ({"inputs": [tensor(RED), tensor(RED)]}, "twice"),
        ({"inputs": [tensor(RED)], "outputs": [{"name": "nope"}]}, "nope"),
    ],
)
def test_wrong_requests_say_what(call, fields, text):
    with pytest.raises(grpc.RpcError) as failure:
        call("ModelInfer", model_name="pets", **fields)

    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert text in failure.value.details()


def test_a_refused_image_says_which_and_why(call):
    with pytest.raises(grpc.RpcError) as failure:
        call("ModelInfer", model_name="pets", inputs=[tensor(RED, bomb())])

    trailers = dict(failure.value.trailing_metadata())
    assert (trailers["x-refusal-reason"], trailers["x-refusal-image"]) == ("too_long_side", "1")


def test_an_unknown_model_is_not_found(call):
    with pytest.raises(grpc.RpcError) as failure:
        call("ModelInfer", model_name="birds", inputs=[tensor(RED)])

    assert failure.value.code() is grpc.StatusCode.NOT_FOUND
