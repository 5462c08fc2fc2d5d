"""Which versions the embedded model server keeps loaded: the newest, or those that releases or labels name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from google.protobuf import text_format

from serving.gateway.releases.settings import ReleaseSettings
from serving.protos import model_server_config_pb2

# The model server looks at the file this often.
POLL_SECONDS = 1.0


class EmbeddedModels:
    """A `ModelServerConfig` file that the model server follows."""

    def __init__(
        self,
        path: Path,
        model_name: str,
        model_base_path: Path,
        labels: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        """Nothing is written yet.

        Args:
            path: of the file.
            model_name: what clients call the model.
            model_base_path: the folder with the version folders.
            labels: reads what the repository's versions are labelled (serving.model_repository); raises
                ConfigurationError.
        """
        self.path = path
        self._model_name = model_name
        self._model_base_path = model_base_path.resolve()
        self._labels = labels

    def write(self, releases: ReleaseSettings | None) -> None:
        """Let the versions that `releases` name or that have labels be loaded, and only those; without any the newest.

        Raises:
            ConfigurationError: the labels can't be read.
            OSError: the file can't be written.
        """
        config = model_server_config_pb2.ModelServerConfig()
        model = config.model_config_list.config.add(
            name=self._model_name, base_path=str(self._model_base_path), model_platform="tensorflow"
        )
        labels = self._labels()
        named = {target for target in releases.targets() if isinstance(target, int)} if releases is not None else set()
        versions = sorted(named | set(labels.values()))
        if versions:
            model.model_version_policy.specific.versions.extend(versions)
        else:
            model.model_version_policy.latest.num_versions = 1
        for label, version in sorted(labels.items()):
            model.version_labels[label] = version
        written = self.path.with_name(self.path.name + ".new")
        written.write_text(text_format.MessageToString(config), encoding="utf-8")
        written.replace(self.path)
