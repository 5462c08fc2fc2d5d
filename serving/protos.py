"""TF Serving's protocol without TensorFlow.

`tensorflow_serving.apis` imports `tensorflow.core.*_pb2`, and importing any of them runs TensorFlow's own `__init__`:
seconds and hundreds of megabytes for a few proto classes. While the stubs load, a bare module object that carries only
TensorFlow's `__path__` stands in `sys.modules`, so that the proto modules are found and nothing else runs. Afterwards
it is taken out again: a later `import tensorflow` in the same process gets the real package.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _tensorflow_namespace_only() -> Iterator[None]:
    """While open, `tensorflow` is importable as a namespace of proto modules and nothing more."""
    if "tensorflow" in sys.modules:  # the real one is here already; the stubs may as well use it
        yield
        return
    found = importlib.machinery.PathFinder.find_spec("tensorflow")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(
            "The TensorFlow proto modules (tensorflow/core/**/*_pb2.py) are not installed. Install tensorflow, or in a "
            "small image copy those modules as the Dockerfile's gateway target does.",
            name="tensorflow",
        )
    namespace = types.ModuleType("tensorflow")
    namespace.__path__ = list(found.submodule_search_locations)
    sys.modules["tensorflow"] = namespace
    try:
        yield
    finally:
        # The proto modules stay (descriptors register once); the packages above them go, so that the real ones load.
        for name in [name for name in sys.modules if name == "tensorflow" or name.startswith("tensorflow.")]:
            if not name.endswith("_pb2"):
                del sys.modules[name]


with _tensorflow_namespace_only():
    from tensorflow.core.example import example_pb2
    from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
    from tensorflow.core.protobuf import meta_graph_pb2
    from tensorflow_serving.apis import (
        classification_pb2,
        get_model_metadata_pb2,
        get_model_status_pb2,
        inference_pb2,
        input_pb2,
        model_management_pb2,
        model_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_log_pb2,
        prediction_service_pb2_grpc,
        regression_pb2,
    )
    from tensorflow_serving.config import model_server_config_pb2

__all__ = [
    "classification_pb2",
    "example_pb2",
    "get_model_metadata_pb2",
    "get_model_status_pb2",
    "inference_pb2",
    "input_pb2",
    "meta_graph_pb2",
    "model_management_pb2",
    "model_pb2",
    "model_server_config_pb2",
    "model_service_pb2_grpc",
    "predict_pb2",
    "prediction_log_pb2",
    "prediction_service_pb2_grpc",
    "regression_pb2",
    "tensor_pb2",
    "tensor_shape_pb2",
    "types_pb2",
]
