"""The executor of ModelPusher."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.components.pusher import executor as pusher_executor
from tfx.types import Artifact, artifact_utils
from tfx.utils import io_utils, path_utils

from pipeline.evaluation.report import EvaluationReport
from pipeline.lite_export.lite_model import LITE_FILE, LiteFacts
from pipeline.model_description import DESCRIPTION_FILE, PREPROCESSING_FOLDER
from pipeline.pusher.object_store import push_to_object_store
from pipeline.pusher.refusal import REFUSAL_KEY, label_refusal, preprocessing_refusal
from pipeline.pusher.repository import push
from pipeline.report.card import CARD_FILE, render_card
from pipeline.reuse import mark_reusable
from pipeline.serving_check.warmup import WARMUP_FILE
from preprocessing.saved import DESCRIPTION_FILE as PREPROCESSING_FILE
from serving.model_repository.object_storage import ObjectStorage
from serving.model_repository.repository import ModelVersions
from serving.model_repository.storage import Storage, open_storage

_DESCRIPTION = f"assets.extra/{DESCRIPTION_FILE}"
# What is added to the description at the push.
_EVALUATION_KEY = "evaluation"
_LITE_KEY = "lite"


class ModelPusherExecutor(pusher_executor.Executor):
    """TFX's Pusher with another way to write: complete or not at all, with a version that always grows."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes the model if nothing speaks against it; one that is the newest version already stays that version.

        Raises:
            DarkroomError: the repository cannot be written.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        # What is to do depends on the repository, which TFX's cache does not know.
        mark_reusable(pushed, reusable=False)
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = artifact_utils.get_single_instance(input_dict["model"])
        source = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
        location, name = exec_properties["repository"], exec_properties["model_name"]
        storage = open_storage(location)
        repository = ModelVersions(storage, name, served_path=exec_properties.get("served_path") or None)
        description = _read(source)
        version = _version_of(description, storage, repository)
        if version is None:
            run = artifact_utils.get_single_instance(input_dict["model_run"])
            newest = max(repository.versions(), default=None)
            refusal = preprocessing_refusal(description, _preprocessing_version(run.uri)) or label_refusal(
                description,
                _description_of(storage, name, newest) if newest is not None else None,
                allowed=bool(exec_properties["allow_label_change"]),
            )
            if refusal is not None:
                pushed.set_string_custom_property(REFUSAL_KEY, refusal)
                self._MarkNotPushed(pushed)
                return
            evaluation = artifact_utils.get_single_instance(input_dict["evaluation"])
            judged = EvaluationReport.read(evaluation.uri)
            checked = artifact_utils.get_single_instance(input_dict["infra_blessing"]).uri

            more: dict[str, Any] = {_EVALUATION_KEY: judged.values}
            [lite] = input_dict.get("lite_model") or [None]
            if lite is not None:
                more[_LITE_KEY] = LiteFacts.read(lite.uri).model_dump(mode="json")

            def complete(copy: Path) -> None:
                if lite is not None and more[_LITE_KEY]["passed"]:
                    tf.io.gfile.copy(f"{lite.uri}/{LITE_FILE}", str(copy / "assets.extra" / LITE_FILE), overwrite=True)
                # What the serving check asked becomes what a server asks itself before the version is available.
                tf.io.gfile.copy(f"{checked}/{WARMUP_FILE}", str(copy / "assets.extra" / WARMUP_FILE), overwrite=True)
                (copy / "assets.extra" / CARD_FILE).write_text(render_card(description, judged), encoding="utf-8")
                file = copy / _DESCRIPTION
                file.write_text(json.dumps(description | more, indent=2) + "\n", encoding="utf-8")

            version = _push(source, storage, repository, complete)
            repository.record_push(version)
        io_utils.copy_dir(source, pushed.uri)
        self._MarkPushed(pushed, pushed_destination=f"{storage.location}/{name}/{version}", pushed_version=str(version))


def _push(source: str, storage: Storage, repository: ModelVersions, complete: Callable[[Path], None]) -> int:
    above = max((record.after or 0 for record in repository.history() if record.action == "push"), default=0)
    with tempfile.TemporaryDirectory() as folder:
        local = Path(source)
        if "://" in source:
            local = Path(folder, "source")
            io_utils.copy_dir(source, str(local))
        if not isinstance(storage, ObjectStorage):
            return push(local, Path(storage.location, repository.model), complete, above=above)
        whole = Path(folder, "whole")
        shutil.copytree(local, whole)
        complete(whole)
        return push_to_object_store(whole, storage, repository.model, above=above)


def _version_of(description: dict[str, Any], storage: Storage, repository: ModelVersions) -> int | None:
    """The newest version, if it is this very export.

    An unchanged run reuses the cached model, but evaluates it anew against the latest blessed one, which is itself. An
    older version does not count: who goes back to a configuration wants its model served.
    """
    newest = max(repository.versions(), default=None)
    pushed = _description_of(storage, repository.model, newest) if newest is not None else None
    if pushed is not None:
        for key in (_EVALUATION_KEY, _LITE_KEY):
            pushed.pop(key, None)
    return newest if pushed == description else None


def _description_of(storage: Storage, model: str, version: int) -> dict[str, Any] | None:
    content = storage.read(f"{model}/{version}/{_DESCRIPTION}")
    if content is None:
        return None
    description: dict[str, Any] = json.loads(content)
    return description


def _read(model: str) -> dict[str, Any]:
    with tf.io.gfile.GFile(f"{model}/{_DESCRIPTION}") as file:
        description: dict[str, Any] = json.load(file)
    return description


def _preprocessing_version(model_run: str) -> str:
    with tf.io.gfile.GFile(f"{model_run}/{PREPROCESSING_FOLDER}/{PREPROCESSING_FILE}") as file:
        return str(json.load(file)["version"])
