"""TF Serving's `ModelServerConfig`: which models are served, which of their versions, and labels for versions.

The rules and messages of tensorflow_serving/model_servers/server_core.cc.
"""

from __future__ import annotations

import logging
from pathlib import Path

from darkroom.errors import ConfigurationError
from serving.errors import Code, ServingError
from serving.model_server.settings import ModelSettings, VersionPolicy
from serving.model_server.text_proto import read_text_proto
from serving.protos import model_server_config_pb2

_log = logging.getLogger(__name__)

_PLATFORM = "tensorflow"
_LOCAL_SCHEME = "file://"


def read_model_config(path: Path) -> tuple[ModelSettings, ...]:
    """The models of a configuration file.

    Raises:
        ConfigurationError: the file cannot be read, is no text proto, or asks for what cannot be served.
    """
    try:
        return models_of(read_text_proto(path, model_server_config_pb2.ModelServerConfig))
    except ServingError as error:
        raise ConfigurationError(f"{path}: {error.message}") from error


def models_of(config: model_server_config_pb2.ModelServerConfig) -> tuple[ModelSettings, ...]:
    """The models that a configuration lists.

    Raises:
        ServingError: INVALID_ARGUMENT for what cannot be served.
    """
    if config.WhichOneof("config") == "custom_model_config":
        raise _invalid("ModelServer does not support custom_model_config, only model_config_list")
    models: dict[str, ModelSettings] = {}
    for entry in config.model_config_list.config:
        if not entry.name:
            raise _invalid("A model in the config list has no name")
        if entry.name in models:
            raise _invalid(f"Illegal to list model {entry.name} multiple times in config list")
        _check_platform(entry)
        if entry.HasField("logging_config"):
            _log.warning("logging_config of model %s is ignored: the gateway has the request log", entry.name)
        models[entry.name] = ModelSettings(
            entry.name, _base_path(entry), _version_policy(entry), dict(entry.version_labels)
        )
    return tuple(models.values())


def _check_platform(entry: model_server_config_pb2.ModelConfig) -> None:
    if entry.model_type != model_server_config_pb2.MODEL_TYPE_UNSPECIFIED:
        if entry.model_platform:
            raise _invalid(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform."
            )
        if entry.model_type != model_server_config_pb2.TENSORFLOW:
            raise _invalid(f"ModelServerConfig::model_type choice {entry.model_type} not supported.")
        return
    if not entry.model_platform:
        raise _invalid(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform."
        )
    if entry.model_platform != _PLATFORM:
        raise _invalid(f"Model {entry.name} requests unsupported platform {entry.model_platform}")


def _base_path(entry: model_server_config_pb2.ModelConfig) -> Path:
    text = entry.base_path.removeprefix(_LOCAL_SCHEME)
    if "://" in text:
        raise _invalid(
            f"Model {entry.name} lies at {entry.base_path}; this model server reads local folders only. Mount it, or "
            "serve it with TF Serving"
        )
    if not Path(text).is_absolute():
        raise _invalid(
            f"Expected model {entry.name} to have an absolute path or URI; got base_path()={entry.base_path}"
        )
    return Path(text)


def _version_policy(entry: model_server_config_pb2.ModelConfig) -> VersionPolicy:
    policy = entry.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return VersionPolicy("all")
    if choice == "specific":
        if not policy.specific.versions:
            raise _invalid(f"The version policy 'specific' of model {entry.name} names no versions")
        return VersionPolicy("specific", versions=frozenset(policy.specific.versions))
    return VersionPolicy("latest", policy.latest.num_versions or 1)


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
