import itertools

import numpy as np
import pytest
import tensorflow as tf

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError
from pipeline.models.own_code import find_own_code
from pipeline.training.augmentation.own_hooks import OwnHooks

SHAPE = (4, 4, 1)
SEED = tf.constant([1, 2], tf.int32)
NUMBERS = itertools.count()


@pytest.fixture
def hooks(tmp_path):
    def make(source):
        # A module of this name must not have been imported before.
        name = f"own_hooks_{next(NUMBERS)}"
        (tmp_path / f"{name}.py").write_text("import tensorflow as tf\n" + source)
        config = DarkroomConfig.model_validate({"model": {"module": name}}).located_at(tmp_path)
        return OwnHooks(find_own_code(config), SHAPE)

    return make


def test_random_transform_gets_each_image_and_a_seed_of_its_own(hooks):
    found = hooks("def random_transform(x, seed):\n    return x + tf.random.stateless_uniform([], seed)\n")
    pixels, labels = found(tf.zeros((5, *SHAPE)), tf.range(5, dtype=tf.int64), SEED)
    assert len(np.unique(pixels.numpy()[:, 0, 0, 0])) == 5
    assert labels.numpy().tolist() == [0, 1, 2, 3, 4]


def test_augment_may_change_the_label_and_branch_on_tensors(hooks):
    found = hooks(
        "def augment(image, label, seed):\n"
        "    if label > 1:\n        image = image + 1.0\n        label = label - 2\n"
        "    return image, label\n"
    )
    pixels, labels = found(tf.zeros((3, *SHAPE)), tf.constant([0, 2, 3], tf.int64), SEED)
    assert labels.numpy().tolist() == [0, 0, 1]
    assert pixels.numpy()[:, 0, 0, 0].tolist() == [0, 1, 1]


def test_the_same_seed_gives_the_same(hooks):
    found = hooks("def random_transform(x, seed):\n    return x * tf.random.stateless_normal(x.shape, seed)\n")
    first, again = (found(tf.ones((2, *SHAPE)), tf.zeros(2, tf.int64), SEED)[0] for _ in range(2))
    assert np.array_equal(first, again)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def augment(image, label, seed):\n    return image\n", r"augment must return \(image, label\)"),
        (
            "def random_transform(x, seed):\n    return x[:2]\n",
            r"an image of shape \(4, 4, 1\), but .*\(2, 4",
        ),
        ("def random_transform(x, seed):\n    pass\n", "must return an image"),
        ("def random_transform(x, seed):\n    return x + nothing\n", "random_transform failed: .*nothing"),
    ],
)
def test_mistakes_show_before_training(hooks, source, message):
    with pytest.raises(ConfigurationError, match=message):
        hooks(source)
