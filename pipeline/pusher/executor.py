"""The executor of ModelPusher."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from tfx.components.pusher import executor as pusher_executor
from tfx.types import Artifact, artifact_utils
from tfx.utils import io_utils, path_utils

from darkroom.errors import DarkroomError
from pipeline.evaluation.report import EvaluationReport
from pipeline.model_description import DESCRIPTION_FILE
from pipeline.pusher.repository import push, versions

_DESCRIPTION = Path("assets.extra", DESCRIPTION_FILE)
_EVALUATION_KEY = "evaluation"


class ModelPusherExecutor(pusher_executor.Executor):
    """TFX's Pusher with another way to write: beside, then rename, with a version that always grows."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes the model if it is blessed; a model that was pushed before keeps its version.

        Raises:
            DarkroomError: the repository cannot be written, or is not on a local file system.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = artifact_utils.get_single_instance(input_dict["model"])
        target: str = exec_properties["model_folder"]
        if "://" in target:
            raise DarkroomError(
                f"push.repository {target} is not a local folder. Object stores cannot rename, so a push there would "
                "not be atomic; push to a folder or a mounted volume."
            )
        folder = Path(target)
        source = Path(path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model)))
        version = _version_of(source, folder)
        if version is None:
            evaluation = artifact_utils.get_single_instance(input_dict["evaluation"])
            measured = EvaluationReport.read(evaluation.uri).values
            version = push(source, folder, functools.partial(_add_evaluation, measured=measured))
        io_utils.copy_dir(str(source), pushed.uri)
        self._MarkPushed(pushed, pushed_destination=str(folder / str(version)), pushed_version=str(version))


def _version_of(source: Path, folder: Path) -> int | None:
    """The version under which this very export is in the repository already, newest first.

    An unchanged run reuses the cached model, but evaluates it anew against the latest blessed one, which is itself.
    """
    description = _read(source)
    for version in reversed(versions(folder)):
        stored = folder / str(version)
        if (stored / _DESCRIPTION).is_file():
            pushed = _read(stored)
            pushed.pop(_EVALUATION_KEY, None)
            if pushed == description:
                return version
    return None


def _add_evaluation(model: Path, measured: dict[str, float]) -> None:
    """Writes what the Evaluator measured on the test split into the model's description."""
    description = _read(model) | {_EVALUATION_KEY: measured}
    (model / _DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def _read(model: Path) -> dict[str, Any]:
    description: dict[str, Any] = json.loads((model / _DESCRIPTION).read_text(encoding="utf-8"))
    return description
