"""TF Serving's model configuration file beside a repository: which versions are loaded, and what labels they have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from google.protobuf import text_format

from darkroom.errors import ConfigurationError
from serving.model_repository.labels import Labels
from serving.model_repository.storage import Storage, models_in
from serving.protos import model_server_config_pb2

MODEL_CONFIG_FILE = "models.config"

# tensorflow_serving's only platform.
_PLATFORM = "tensorflow"

_HEADER = "# Written by `darkroom models` and by pushes, as a whole; TF Serving's --model_config_file.\n"

Config = Any  # model_server_config_pb2.ModelServerConfig, which has no types


def read_config(storage: Storage) -> Config:
    """The file; an empty configuration where there is none.

    Raises:
        ConfigurationError: it is no text proto of a ModelServerConfig.
    """
    config = model_server_config_pb2.ModelServerConfig()
    content = storage.read(MODEL_CONFIG_FILE)
    try:
        return text_format.Parse((content or b"").decode(), config)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{storage.location}/{MODEL_CONFIG_FILE} is not a ModelServerConfig text proto: {error}"
        ) from error


def write_config(storage: Storage, config: Config) -> None:
    """Replaces the file.

    Raises:
        OSError: it cannot be written.
    """
    storage.write(MODEL_CONFIG_FILE, (_HEADER + text_format.MessageToString(config, as_utf8=True)).encode())


def labels_of(config: Config, model: str) -> dict[str, int]:
    """A model's labels."""
    entry = _entry(config, model)
    return dict(entry.version_labels) if entry is not None else {}


def wanted_versions(config: Config, model: str, versions: Collection[int]) -> set[int]:
    """The versions, of those that there are, that a server which follows the file has loaded."""
    entry = _entry(config, model)
    policy = entry.model_version_policy if entry is not None else None
    choice = policy.WhichOneof("policy_choice") if policy is not None else None
    if policy is None or choice in (None, "latest"):
        return set(sorted(versions)[-((policy.latest.num_versions if policy else 0) or 1) :])
    return set(versions) if choice == "all" else set(versions) & set(policy.specific.versions)


def set_model(
    config: Config,
    storage: Storage,
    model: str,
    *,
    labels: Labels,
    loaded: Collection[int],
    served_path: str | None,
) -> Config:
    """A copy in which a model has these labels and versions; every other model of the repository is in it too.

    Args:
        config: the present one.
        storage: of the repository.
        model: whose entry changes. What else stands in it (path, logging) is kept.
        labels: the model's labels.
        loaded: the versions that are kept loaded; none leaves it to the server, which takes the newest.
        served_path: where the model servers see the repository; None is where it is.
    """
    changed = model_server_config_pb2.ModelServerConfig()
    changed.CopyFrom(config)
    entry = list_models(changed, storage, {model}, served_path)[model]
    entry.version_labels.clear()
    for label, version in sorted(labels.items()):
        entry.version_labels[label] = version
    if loaded:
        entry.model_version_policy.specific.versions[:] = sorted(loaded)
    else:
        entry.model_version_policy.latest.num_versions = 1
    return changed


def list_models(config: Config, storage: Storage, more: Collection[str], served_path: str | None) -> Mapping[str, Any]:
    """Adds the repository's models that are not listed yet, in place; returns the entries by name.

    A server is given the whole list: a model that is not on it is unloaded.
    """
    listed = {entry.name: entry for entry in config.model_config_list.config}
    base = (served_path or storage.location).rstrip("/")
    for name in sorted({*more, *models_in(storage)} - set(listed)):
        listed[name] = config.model_config_list.config.add(
            name=name, base_path=f"{base}/{name}", model_platform=_PLATFORM
        )
    return listed


def _entry(config: Config, model: str) -> Any | None:
    return next((entry for entry in config.model_config_list.config if entry.name == model), None)
