"""Which versions the embedded model server keeps loaded: the newest, or those that releases name."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import text_format

from serving.gateway.releases.settings import ReleaseSettings
from serving.protos import model_server_config_pb2

# The model server looks at the file this often.
POLL_SECONDS = 1.0


class EmbeddedModels:
    """A `ModelServerConfig` file that the model server follows."""

    def __init__(self, path: Path, model_name: str, model_base_path: Path) -> None:
        """Nothing is written yet.

        Args:
            path: of the file.
            model_name: what clients call the model.
            model_base_path: the folder with the version folders.
        """
        self.path = path
        self._model_name = model_name
        self._model_base_path = model_base_path.resolve()

    def write(self, releases: ReleaseSettings | None) -> None:
        """Let the versions that `releases` name be loaded, and only those; without releases the newest.

        Raises:
            OSError: the file can't be written.
        """
        config = model_server_config_pb2.ModelServerConfig()
        model = config.model_config_list.config.add(
            name=self._model_name, base_path=str(self._model_base_path), model_platform="tensorflow"
        )
        if releases is None:
            model.model_version_policy.latest.num_versions = 1
        else:
            versions = sorted(target for target in releases.targets() if isinstance(target, int))
            model.model_version_policy.specific.versions.extend(versions)
        written = self.path.with_name(self.path.name + ".new")
        written.write_text(text_format.MessageToString(config), encoding="utf-8")
        written.replace(self.path)
