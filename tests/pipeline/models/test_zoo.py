"""The table of architectures says what Keras's models say."""

import inspect

import keras
import pytest

from darkroom.configuration.model_section import ModelSection
from darkroom.errors import ConfigurationError
from pipeline.models.base import build_base, keras_application
from pipeline.models.groups import convolutional_groups
from pipeline.models.zoo import ARCHITECTURES, architecture

# Small enough to be built in every test run.
QUICK = ("small_cnn", "VGG16", "MobileNet", "MobileNetV3Small", "ConvNeXtTiny")


def keras_names():
    functions = vars(keras.applications).items()
    return {
        name
        for name, value in functions
        if inspect.isfunction(value) and "include_top" in inspect.signature(value).parameters
    }


def check(name):
    known = architecture(name)
    side = max(known.smallest_input, 32)
    keras.backend.clear_session()
    # Without values: drawing hundreds of millions of weights takes most of the time, and nothing here looks at them.
    with keras.StatelessScope(initialize_variables=False):
        base = build_base(ModelSection(architecture=name), (side, side, 3))
    assert base.count_params() == known.parameters
    groups = convolutional_groups(base, known)
    assert [layer for group in groups for layer in group.layers] == base.layers
    assert len(groups) >= 3
    assert all(any(layer.weights for layer in group.layers) for group in groups)


def test_every_architecture_of_keras_is_in_the_table():
    assert {name for name, known in ARCHITECTURES.items() if known.family.keras} == keras_names()


@pytest.mark.parametrize("name", QUICK)
def test_facts(name):
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name not in QUICK])
def test_facts_of_the_large_ones(name):
    check(name)


# MobileNetV3 checks no sizes itself; its documentation names the same.
ASKING = [name for name in ARCHITECTURES if not name.startswith("MobileNetV3")]


class SizesAskedError(Exception):
    """Ends the building of a model where Keras would check its input size."""


@pytest.mark.parametrize("name", [name for name in ASKING if ARCHITECTURES[name].family.keras])
def test_input_sizes_are_those_of_keras(name, monkeypatch):
    def sizes(*_, default_size, min_size, **__):
        raise SizesAskedError(default_size, min_size)

    monkeypatch.setattr("keras.src.applications.imagenet_utils.obtain_input_shape", sizes)
    with pytest.raises(SizesAskedError) as asked:
        keras_application(name)(weights=None, include_top=False, input_shape=(224, 224, 3))
    known = architecture(name)
    assert (known.input_size, known.smallest_input) == asked.value.args


def test_a_size_below_the_smallest_is_refused():
    with pytest.raises(ConfigurationError, match="smallest input is 71x71"):
        build_base(ModelSection(architecture="Xception"), (70, 70, 3))
