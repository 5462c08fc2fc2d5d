"""TF Serving's configuration files: text protos.

tensorflow-serving-api carries the messages of the model configuration only, so the other three are described here, from
session_bundle_config.proto, ssl_config.proto and monitoring_config.proto of tensorflow/serving.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2

from darkroom.errors import ConfigurationError

_Field = descriptor_pb2.FieldDescriptorProto
_WRAPPERS = wrappers_pb2.DESCRIPTOR.name


def read_text_proto(path: Path, message_class: Any) -> Any:
    """The message in a file.

    Raises:
        ConfigurationError: the file cannot be read, or is not a text proto of this message; says where.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Cannot read {path}: {error}") from error
    try:
        return text_format.Parse(text, message_class())
    except text_format.ParseError as error:
        raise ConfigurationError(f"{path} is not a {message_class.DESCRIPTOR.name} text proto: {error}") from error


def _message(file: descriptor_pb2.FileDescriptorProto, name: str, fields: dict[str, tuple[int, Any]]) -> None:
    """Add a message to a file; a field's type is a scalar type, or the name of a message."""
    message = file.message_type.add(name=name)
    for field_name, (number, kind) in fields.items():
        field = message.field.add(name=field_name, number=number, label=_Field.LABEL_OPTIONAL)
        if isinstance(kind, str):
            field.type, field.type_name = _Field.TYPE_MESSAGE, kind
        else:
            field.type = kind


def _classes() -> dict[str, Any]:
    """The message classes, in a pool of their own."""
    file = descriptor_pb2.FileDescriptorProto(
        name="darkroom/tensorflow_serving_config.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=[_WRAPPERS],
    )
    integer, boolean, string = (f".google.protobuf.{kind}Value" for kind in ("Int64", "Bool", "String"))
    _message(
        file,
        "BatchingParameters",
        {
            "max_batch_size": (1, integer),
            "batch_timeout_micros": (2, integer),
            "max_enqueued_batches": (3, integer),
            "num_batch_threads": (4, integer),
            "thread_pool_name": (5, string),
            "allowed_batch_sizes": (6, _Field.TYPE_INT64),
            "pad_variable_length_inputs": (7, _Field.TYPE_BOOL),
            "enable_large_batch_splitting": (8, boolean),
            "max_execution_batch_size": (9, integer),
        },
    )
    file.message_type[0].field[5].label = _Field.LABEL_REPEATED
    _message(
        file,
        "SSLConfig",
        {
            "server_key": (1, _Field.TYPE_STRING),
            "server_cert": (2, _Field.TYPE_STRING),
            "custom_ca": (3, _Field.TYPE_STRING),
            "client_verify": (4, _Field.TYPE_BOOL),
        },
    )
    _message(file, "PrometheusConfig", {"enable": (1, _Field.TYPE_BOOL), "path": (2, _Field.TYPE_STRING)})
    _message(file, "MonitoringConfig", {"prometheus_config": (1, ".tensorflow.serving.PrometheusConfig")})
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    found = pool.FindFileByName(file.name).message_types_by_name
    return {name: message_factory.GetMessageClass(descriptor) for name, descriptor in found.items()}


_CLASSES = _classes()
BatchingParameters: Any = _CLASSES["BatchingParameters"]
SSLConfig: Any = _CLASSES["SSLConfig"]
MonitoringConfig: Any = _CLASSES["MonitoringConfig"]
