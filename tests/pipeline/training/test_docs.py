"""The examples of docs/training.md work."""

import re
from pathlib import Path

import pytest
import tensorflow as tf
import yaml

from darkroom.configuration import DarkroomConfig
from darkroom.task import Task
from pipeline.models.output_check import check_loss, check_model
from pipeline.models.own_code import HOOKS, find_own_code
from pipeline.training.augmentation.own_hooks import OwnHooks

PAGE = (Path(__file__).parents[3] / "docs" / "training.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", blocks("yaml"), ids=lambda text: " ".join(text.split()[:2]))
def test_the_configurations_are_valid(text):
    document = yaml.safe_load(text)
    config = DarkroomConfig.model_validate(document)
    for section, values in document.items():
        assert set(values) <= getattr(config, section).model_fields_set


def test_the_module_is_what_a_module_may_be(tmp_path):
    [source] = blocks("python")
    (tmp_path / "documented_code.py").write_text(source)
    config = DarkroomConfig.model_validate({"model": {"module": "documented_code"}}).located_at(tmp_path)
    own = find_own_code(config)
    assert set(own.hooks) == set(HOOKS)
    model = own.hook("build_model")({"main": (8, 8, 3)}, 4)
    check_model(model, (8, 8, 3), Task.MULTICLASS, 4, "documented_code.build_model")
    own.hook("compile_model")(model)
    check_loss(model, Task.MULTICLASS, "documented_code.compile_model")
    pixels, labels = OwnHooks(own, (8, 8, 3))(
        tf.zeros((2, 8, 8, 3)), tf.constant([1, 3], tf.int64), tf.constant([0, 1])
    )
    assert pixels.shape == (2, 8, 8, 3)
    assert labels.numpy().tolist() == [1, 3]
