import keras
import numpy as np
import pytest

from darkroom.configuration.model_section import ModelSection
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.models.network import build_network, network_of
from pipeline.models.target_scale import TargetScale


def build_classifier(section, shape, n_classes):
    return build_network(section, shape, Task.MULTICLASS, n_classes).model


@pytest.mark.parametrize("shape", [(32, 32, 1), (8, 8, 3), (17, 40, 3), (1, 1, 1)])
def test_the_small_cnn_takes_any_size(shape):
    model = build_classifier(ModelSection(), shape, 7)
    probabilities = model(np.zeros((2, *shape), np.float32)).numpy()
    assert probabilities.shape == (2, 7)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_head_is_what_the_base_is_not():
    network = build_network(ModelSection(), (16, 16, 3), Task.MULTICLASS, 3)
    assert [layer.name for layer in network.head] == [
        "pixels",
        "head_pool",
        "head_dense",
        "head_dropout",
        "probabilities",
    ]
    assert network_of(network.model).base is network.base


@pytest.mark.parametrize(
    ("task", "units", "activation"),
    [(Task.MULTICLASS, 7, "softmax"), (Task.BINARY, 1, "sigmoid")],
)
def test_the_output_fits_the_task(task, units, activation):
    output = build_network(ModelSection(), (8, 8, 3), task, 7).model.layers[-1]
    assert (output.units, output.activation.__name__) == (units, activation)


def test_a_regression_speaks_in_the_unit_of_its_targets():
    model = build_network(ModelSection(), (8, 8, 3), Task.REGRESSION, 1, TargetScale(100.0, 5.0)).model
    standardized = keras.Model(model.input, model.get_layer("standardized").output)
    pixels = np.random.default_rng(0).normal(size=(3, 8, 8, 3)).astype(np.float32)
    assert np.allclose(model(pixels), 100.0 + 5.0 * standardized(pixels))


@pytest.mark.parametrize(("pooling", "width"), [("avg", 128), ("max", 128), ("flatten", 128 * 2 * 2)])
def test_pooling(pooling, width):
    network = build_network(ModelSection(pooling=pooling), (16, 16, 3), Task.MULTICLASS, 3)
    assert network.model.get_layer("head_dense").kernel.shape[0] == width


def test_a_keras_application_by_name():
    model = build_classifier(ModelSection(architecture="MobileNetV2"), (32, 32, 3), 5)
    assert model(np.zeros((1, 32, 32, 3), np.float32)).shape == (1, 5)


def test_an_unknown_architecture_names_the_nearest():
    with pytest.raises(ConfigurationError, match=r"'ResNet51'.* Did you mean ResNet50"):
        build_classifier(ModelSection(architecture="ResNet51"), (32, 32, 3), 5)


def test_images_that_an_architecture_does_not_take_are_explained():
    with pytest.raises(
        ConfigurationError, match=r"InceptionV3 cannot take images of 20x20 pixels .*smallest input is 75x75"
    ):
        build_classifier(ModelSection(architecture="InceptionV3"), (20, 20, 3), 5)
