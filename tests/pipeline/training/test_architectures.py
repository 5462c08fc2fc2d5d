import numpy as np
import pytest

from darkroom.configuration.sections import ModelSection, SmallCnnSection
from darkroom.errors import ConfigurationError
from pipeline.training.architectures import build_classifier, keras_application_names


@pytest.mark.parametrize("shape", [(32, 32, 1), (8, 8, 3), (17, 40, 3), (1, 1, 1)])
def test_the_small_cnn_takes_any_size(shape):
    model = build_classifier(ModelSection(), shape, 7)
    probabilities = model(np.zeros((2, *shape), np.float32)).numpy()
    assert probabilities.shape == (2, 7)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_small_cnn_has_the_blocks_of_the_configuration():
    section = ModelSection(small_cnn=SmallCnnSection(filters=(4, 8), dense_units=0))
    names = [layer.name for layer in build_classifier(section, (16, 16, 3), 3).layers]
    assert "block2_conv2" in names
    assert "block3_conv1" not in names
    assert "head_dense" not in names


def test_a_keras_application_by_name():
    model = build_classifier(ModelSection(architecture="MobileNetV2"), (32, 32, 3), 5)
    assert model(np.zeros((1, 32, 32, 3), np.float32)).shape == (1, 5)


def test_the_applications_are_those_of_keras():
    names = keras_application_names()
    assert {"ResNet50", "EfficientNetV2B0", "MobileNetV2", "ConvNeXtTiny"} <= set(names)
    assert "imagenet_utils" not in names


def test_an_unknown_architecture_names_the_nearest():
    with pytest.raises(ConfigurationError, match=r"'ResNet51'.* Did you mean ResNet50"):
        build_classifier(ModelSection(architecture="ResNet51"), (32, 32, 3), 5)


def test_images_that_an_architecture_does_not_take_are_explained():
    with pytest.raises(
        ConfigurationError, match=r"InceptionV3 cannot take images of 20x20 pixels .*preprocessing\.height"
    ):
        build_classifier(ModelSection(architecture="InceptionV3"), (20, 20, 3), 5)
