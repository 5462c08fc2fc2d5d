"""TF Serving's protos without TensorFlow, and with it afterwards."""

import subprocess
import sys

import pytest


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_protos_load_without_tensorflow():
    done = python(
        "import sys, serving.protos\n"
        "assert 'tensorflow' not in sys.modules\n"
        "assert not any(name.startswith('tensorflow.python') for name in sys.modules)"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("first", ["serving.protos", "tensorflow"])
def test_tensorflow_and_the_protos_share_their_classes_in_either_order(first):
    second = {"serving.protos": "tensorflow", "tensorflow": "serving.protos"}[first]
    done = python(
        f"import {first}\nimport {second}\n"
        "import tensorflow as tf\n"
        "from serving.protos import predict_pb2\n"
        "request = predict_pb2.PredictRequest()\n"
        "request.inputs['x'].CopyFrom(tf.make_tensor_proto([1.0, 2.0]))\n"
        "assert tf.make_ndarray(request.inputs['x']).tolist() == [1.0, 2.0]"
    )
    assert done.returncode == 0, done.stderr
