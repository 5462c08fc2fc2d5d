import keras
import numpy as np
import pytest

from darkroom.configuration.model_section import ModelSection
from pipeline.models.base import build_base


def deviation(kernel):
    return float(np.std(kernel.numpy()))


def test_relu_networks_are_drawn_he_normal():
    base = build_base(ModelSection(architecture="VGG16"), (32, 32, 3))
    assert deviation(base.get_layer("block3_conv2").kernel) == pytest.approx(np.sqrt(2 / (9 * 256)), rel=0.02)


def test_depthwise_kernels_count_the_one_channel_that_they_see():
    base = build_base(ModelSection(architecture="MobileNet"), (32, 32, 3))
    assert deviation(base.get_layer("conv_dw_10").kernel) == pytest.approx(np.sqrt(2 / 9), rel=0.05)


def test_other_networks_stay_as_their_authors_drew_them():
    keras.utils.set_random_seed(1)
    base = build_base(ModelSection(architecture="ConvNeXtTiny"), (32, 32, 3))
    stem = base.layers[2].layers[0].kernel
    assert deviation(stem) < 0.5 * np.sqrt(2 / (16 * 3))


def test_an_initializer_that_is_asked_for_is_used():
    base = build_base(ModelSection(architecture="VGG16", initializer="glorot_uniform"), (32, 32, 3))
    kernel = base.get_layer("block3_conv2").kernel
    limit = np.sqrt(6 / (9 * 512))
    assert np.abs(kernel).max() <= limit
    assert deviation(kernel) == pytest.approx(limit / np.sqrt(3), rel=0.02)


def test_the_seed_decides():
    def drawn():
        keras.utils.set_random_seed(5)
        return build_base(ModelSection(), (8, 8, 1)).get_weights()[0]

    assert np.array_equal(drawn(), drawn())
