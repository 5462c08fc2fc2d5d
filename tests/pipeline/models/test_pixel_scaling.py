import pytest

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError
from pipeline.models.base import build_base
from pipeline.models.pixel_scaling import with_matching_scaling


def configured(model, preprocessing=None, folder=None):
    config = DarkroomConfig.model_validate({"model": model, "preprocessing": preprocessing or {}})
    return config.located_at(folder) if folder else config


@pytest.mark.parametrize(
    ("architecture", "scaling"),
    [("ResNet50", "caffe"), ("DenseNet121", "torch"), ("MobileNetV2", "symmetric"), ("EfficientNetB0", "none")],
)
def test_imagenet_weights_bring_their_scaling(architecture, scaling):
    config = configured({"architecture": architecture, "weights": "imagenet"}, {"height": 64})
    found = with_matching_scaling(config)
    assert found.preprocessing.scaling == scaling
    assert found.preprocessing.height == 64


def test_a_given_scaling_that_is_right_stays():
    config = configured({"architecture": "ResNet50", "weights": "imagenet"}, {"scaling": "caffe"})
    assert with_matching_scaling(config) == config


def test_a_given_scaling_that_is_wrong_names_both():
    config = configured({"architecture": "ResNet50", "weights": "imagenet"}, {"scaling": "standardize"})
    with pytest.raises(ConfigurationError, match=r"scaling is standardize, but .* were trained with caffe"):
        with_matching_scaling(config)


def test_random_weights_leave_it_to_the_user():
    assert with_matching_scaling(configured({"architecture": "ResNet50"})).preprocessing.scaling == "standardize"


def test_a_network_that_scales_itself_takes_levels_with_any_weights():
    assert with_matching_scaling(configured({"architecture": "ConvNeXtTiny"})).preprocessing.scaling == "none"
    given = configured({"architecture": "ConvNeXtTiny"}, {"scaling": "standardize"})
    with pytest.raises(ConfigurationError, match=r"is standardize, but .* scales pixels itself and takes none"):
        with_matching_scaling(given)


@pytest.mark.parametrize(("weights_scaling", "wanted"), [(None, "caffe"), ("normalize", "normalize")])
def test_a_file_is_taken_for_imagenets_unless_it_is_said(tmp_path, weights_scaling, wanted):
    (tmp_path / "some.weights.h5").write_bytes(b"")
    model = {"architecture": "VGG16", "weights": "some.weights.h5", "weights_scaling": weights_scaling}
    assert with_matching_scaling(configured(model, folder=tmp_path)).preprocessing.scaling == wanted


def test_a_file_for_the_small_cnn_wants_nothing(tmp_path):
    config = configured({"weights": "some.weights.h5"}, {"height": 8, "width": 8}, tmp_path)
    build_base(config.model, (8, 8, 3)).save_weights(tmp_path / "some.weights.h5")
    assert with_matching_scaling(config) == config
