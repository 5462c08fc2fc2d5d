"""The executor of ServingCheck."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.types import Artifact, artifact_utils
from tfx.utils import path_utils

from darkroom.configuration.serving_check_section import ServingCheckSection
from darkroom.task import Task
from pipeline.progress import reporter
from pipeline.reuse import mark_reusable
from pipeline.serving_check.check import Subject, check, write_warmup
from pipeline.serving_check.reference import held_out_images, read_description
from pipeline.serving_check.rule import Rule, write_rules

# TFX's Pusher reads it (tfx.components.util.model_utils.is_infra_validated).
_BLESSED = "blessed"


class ServingCheckExecutor(base_executor.BaseExecutor):
    """Blesses a model that a model server serves as the trainer predicts."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the rules, the model's warm-up requests and the blessing; a check that fails is no error."""
        self._log_startup(input_dict, output_dict, exec_properties)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        section = ServingCheckSection.model_validate_json(exec_properties["section"])
        if not model_utils.is_model_blessed(artifact_utils.get_single_instance(input_dict["model_blessing"])):
            _finish(blessing, _skipped("The serving check was left out, as the model was not blessed."), blessed=False)
            return
        model = artifact_utils.get_single_instance(input_dict["model"])
        path = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        images = held_out_images(examples.uri, section.images)
        if not images:
            _finish(blessing, _skipped("The test split holds no image to ask a model server about."), blessed=False)
            return
        tf.io.gfile.makedirs(blessing.uri)
        write_warmup(blessing.uri, images)
        if not section.enabled:
            _finish(blessing, _skipped("The serving check is switched off."), blessed=True)
            return
        description = read_description(path)
        rules = check(
            Subject(
                name=exec_properties["model_name"],
                model=path,
                model_run=artifact_utils.get_single_instance(input_dict["model_run"]).uri,
                task=Task(description["task"]),
                images=images,
                tolerance=description.get("export", {}).get("tolerance", 0.0),
            ),
            section,
        )
        for rule in rules:
            reporter().step(rule.sentence)
        passed = all(rule.passed is not False for rule in rules)
        # Latency and memory are those of a moment.
        mark_reusable(blessing, reusable=passed)
        _finish(blessing, rules, blessed=passed)


def _skipped(sentence: str) -> tuple[Rule, ...]:
    return (Rule(name="skipped", sentence=sentence, passed=None),)


def _finish(blessing: Artifact, rules: tuple[Rule, ...], *, blessed: bool) -> None:
    write_rules(blessing.uri, rules)
    blessing.set_int_custom_property(_BLESSED, int(blessed))
