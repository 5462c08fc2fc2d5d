"""Weights from each kind of source end up in a base, or the error says why not."""

import json

import keras
import numpy as np
import pytest

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.model_section import ModelSection
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.models.base import build_base, keras_application
from pipeline.models.domain import Domain, save_domain
from pipeline.models.network import build_network
from pipeline.models.predictor import save_network
from pipeline.models.weights import copy_weights, load_weights
from pipeline.models.weights_source import WeightsSource, find_weights

SMALL = {"architecture": "small_cnn", "small_cnn": {"filters": (4, 8)}}


def base(side=16, **options):
    return build_base(ModelSection.model_validate(SMALL | options), (side, side, 3))


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def config_at(folder, weights, **model):
    document = {"model": SMALL | {"weights": weights} | model, "push": {"repository": "models"}}
    return DarkroomConfig.model_validate(document).located_at(folder)


def found_and_loaded(config, side=16):
    target = base(side)
    load_weights(target, config.model.architecture, find_weights(config))
    return target


@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_a_file_of_a_base_for_another_image_size(tmp_path, ending):
    trained = base()
    path = tmp_path / f"mine{ending}"
    (trained.save_weights if "weights" in ending else trained.save)(path)
    assert equal(found_and_loaded(config_at(tmp_path, path.name), side=24), trained)


def test_a_file_of_a_whole_network_gives_its_base(tmp_path):
    network = build_network(ModelSection.model_validate(SMALL), (16, 16, 3), Task.MULTICLASS, 5)
    save_network(network.model, str(tmp_path / "whole.keras"))
    assert equal(found_and_loaded(config_at(tmp_path, "whole.keras")), network.base)


def write_version(folder, version, architecture="small_cnn", scaling="standardize"):
    network = build_network(ModelSection.model_validate(SMALL), (16, 16, 3), Task.MULTICLASS, 5)
    extra = folder / "models" / "animals" / str(version) / "assets.extra"
    extra.mkdir(parents=True)
    save_network(network.model, str(extra / "network.keras"))
    facts = {"training": {"architecture": architecture}, "preprocessing": {"spec": {"scaling": scaling}}}
    (extra / "darkroom.json").write_text(json.dumps(facts))
    return network.base


def test_a_model_of_the_repository_and_its_newest_version(tmp_path):
    old, new = write_version(tmp_path, 9), write_version(tmp_path, 10, scaling="symmetric")
    assert equal(found_and_loaded(config_at(tmp_path, "repository:animals/9")), old)
    newest = config_at(tmp_path, "repository:animals")
    assert equal(found_and_loaded(newest), new)
    source = find_weights(newest)
    assert (source.name, source.scaling) == ("repository:animals/10", "symmetric")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("repository:birds", r"has no model 'birds'\. It has animals"),
        ("repository:animals/3", r"animals has no version '3'; it has 9"),
        ("domain:nowhere", "nowhere holds no domain weights"),
        ("missing.weights.h5", "there is no file .*missing.weights.h5"),
    ],
)
def test_a_source_that_does_not_exist_says_what_there_is(tmp_path, weights, message):
    write_version(tmp_path, 9)
    with pytest.raises(ConfigurationError, match=message):
        find_weights(config_at(tmp_path, weights))


def test_a_model_of_another_architecture_is_refused(tmp_path):
    write_version(tmp_path, 9, architecture="ResNet50")
    with pytest.raises(ConfigurationError, match=r"are those of ResNet50, but model.architecture is small_cnn"):
        find_weights(config_at(tmp_path, "repository:animals"))


def test_domain_weights(tmp_path):
    trained = base()
    facts = Domain(architecture="small_cnn", scaling="symmetric", preprocessing_version="1-abc", labels=("a", "b"))
    save_domain(trained, facts, tmp_path / "fundus")
    config = config_at(tmp_path, "domain:fundus")
    assert equal(found_and_loaded(config), trained)
    assert find_weights(config).scaling == "symmetric"


def test_a_changed_file_is_another_source(tmp_path):
    config = config_at(tmp_path, "mine.weights.h5")
    base().save_weights(tmp_path / "mine.weights.h5")
    before = find_weights(config)
    base().save_weights(tmp_path / "mine.weights.h5")
    assert find_weights(config) != before


@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_weights_of_other_shapes_are_explained(tmp_path, ending):
    trained = base(small_cnn={"filters": (4, 9)})
    path = tmp_path / f"mine{ending}"
    (trained.save_weights if "weights" in ending else trained.save)(path)
    with pytest.raises(ConfigurationError, match="do not fit"):
        found_and_loaded(config_at(tmp_path, path.name))


def test_the_first_layer_that_differs_is_named():
    with pytest.raises(ConfigurationError, match=r"layer block2_conv1 has weights of the shapes .*4, 8.*4, 9"):
        copy_weights(base(small_cnn={"filters": (4, 9)}), base(), "theirs")


@pytest.mark.parametrize(("side", "file"), [(32, "mobilenet_1_0_224"), (128, "mobilenet_1_0_128")])
def test_imagenet_weights_come_through_keras(tmp_path, monkeypatch, side, file):
    """The file that Keras would download is one made here, in the same legacy format."""
    keras.utils.set_random_seed(1)
    published = keras.applications.MobileNet(weights=None, include_top=False, input_shape=(224, 224, 3), alpha=1.0)
    published.save(tmp_path / "published.h5")
    asked = []

    def get_file(name, origin, **_):
        asked.append(origin)
        return str(tmp_path / "published.h5")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    target = build_base(ModelSection(architecture="MobileNet"), (side, side, 3))
    load_weights(target, "MobileNet", WeightsSource(kind="imagenet", name="imagenet"))
    assert equal(target, published)
    assert asked[0].endswith(f"{file}_tf_no_top.h5")


def test_imagenet_weights_that_cannot_be_downloaded_are_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.applications.mobilenet.BASE_WEIGHT_PATH", "http://127.0.0.1:9/")
    target = build_base(ModelSection(architecture="MobileNet"), (32, 32, 3))
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:9/mobilenet_1_0_224_tf_no_top\.h5.*\.keras/models"):
        load_weights(target, "MobileNet", WeightsSource(kind="imagenet", name="imagenet"))


def test_efficientnet_files_of_imagenet_see_what_keras_with_its_extra_layer_sees(tmp_path):
    """Keras keeps deviations where variances belong and divides twice; the base here divides once, by the square."""
    deviations = np.array([0.229, 0.224, 0.225], np.float32)
    published = keras_application("EfficientNetB0")(weights=None, include_top=False, input_shape=(32, 32, 3))
    normalization = next(one for one in published.layers if isinstance(one, keras.layers.Normalization))
    normalization.set_weights([np.array([0.485, 0.456, 0.406], np.float32), deviations, np.int64(1)])
    normalization.finalize_state()
    published.save(tmp_path / "published.h5")
    target = build_base(ModelSection(architecture="EfficientNetB0"), (32, 32, 3))
    load_weights(target, "EfficientNetB0", WeightsSource(kind="file", name="it", path=str(tmp_path / "published.h5")))
    level = np.full((1, 32, 32, 3), 51.0, np.float32)
    seen = keras.Model(target.input, next(x for x in target.layers if x.name.startswith("normalization")).output)(level)
    assert np.allclose(seen[0, 0, 0], (51 / 255 - np.array([0.485, 0.456, 0.406])) / deviations, atol=1e-4)


def test_imagenet_is_for_architectures_that_keras_has_and_for_colour(tmp_path):
    with pytest.raises(ConfigurationError, match="Keras has no ImageNet weights for small_cnn"):
        find_weights(config_at(tmp_path, "imagenet"))
    grey = DarkroomConfig.model_validate(
        {"model": {"architecture": "VGG16", "weights": "imagenet"}, "preprocessing": {"channels": 1}}
    )
    with pytest.raises(ConfigurationError, match=r"preprocessing.channels is 1; set it to 3"):
        find_weights(grey)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["InceptionResNetV2", "ConvNeXtTiny", "MobileNetV3Small", "ResNeXt50"])
def test_networks_with_layers_of_their_own_survive_the_file(tmp_path, name):
    network = build_network(ModelSection(architecture=name), (75, 75, 3), Task.MULTICLASS, 3)
    save_network(network.model, str(tmp_path / "network.keras"))
    target = build_base(ModelSection(architecture=name), (80, 80, 3))
    load_weights(target, name, WeightsSource(kind="file", name="it", path=str(tmp_path / "network.keras")))
    assert equal(target, network.base)


def test_a_weights_file_of_a_whole_network_is_refused_rather_than_half_loaded(tmp_path):
    network = build_network(ModelSection.model_validate(SMALL), (16, 16, 3), Task.MULTICLASS, 5)
    network.model.save_weights(tmp_path / "whole.weights.h5")
    with pytest.raises(ConfigurationError, match="do not fit"):
        found_and_loaded(config_at(tmp_path, "whole.weights.h5"))
