import re
from pathlib import Path

import pytest
import yaml

from darkroom.configuration import DarkroomConfig, load_configuration
from darkroom.configuration.hyperparameters import takes_integers_only, value_of, with_values
from darkroom.configuration.model_section import ModelSection
from darkroom.configuration.training_section import TrainingSection
from darkroom.errors import ConfigurationError

PAGE = (Path(__file__).parents[3] / "docs" / "tuning.md").read_text(encoding="utf-8")


def load(tmp_path, parameters, **document):
    path = tmp_path / "darkroom.yaml"
    path.write_text(yaml.safe_dump(document | {"tuning": {"parameters": parameters}}))
    return load_configuration(path)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"training.learning_rates": [1]}, "did you mean training.learning_rate?"),
        ({"training": [1]}, "training is a section"),
        ({"data.images": ["a"]}, "data.images is no key of model or training"),
        ({"training.distribution.strategy": ["mirrored"]}, "does not belong to what a search may change"),
        ({"model.weights": ["imagenet", None]}, "does not belong to what a search may change"),
        ({"training.learning_rate": {"min": 0.1, "max": 100}}, "training.learning_rate=100"),
        ({"training.batch_size": {"min": 8, "max": 16.5}}, "takes whole numbers only"),
        ({"training.optimizer.name": ["adam", "adamm"]}, "training.optimizer.name=adamm"),
        ({"training.optimizer.name": {"min": 1, "max": 2}}, "is no number; list its values"),
        ({"training.epochs": {"min": 3}}, "needs a list of values, or min and max"),
        ({"training.epochs": {"min": 3, "max": 3}}, "must be below max"),
        ({"training.epochs": {"min": 1, "max": 3, "values": [2]}}, "but not both"),
        ({"training.epochs": [3, 3]}, "lists one more than once"),
        ({"training.label_smoothing": {"min": 0, "max": 0.5, "scale": "log"}}, "must be above 0 on a log scale"),
        ({"training.epochs": {"min": 1, "max": 8, "scale": "log", "step": 1}}, "must be above 1 on a log scale"),
        (
            {"model.dropout": {"values": [0.1], "when": {"training.seed": [1]}}},
            "values are listed for it above",
        ),
    ],
)
def test_what_cannot_be_searched_is_named_when_the_file_is_read(tmp_path, parameters, message):
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        load(tmp_path, parameters)


def test_an_architecture_is_searched_only_without_weights_for_one(tmp_path):
    architectures = {"model.architecture": ["MobileNetV2", "ResNet50"]}
    load(tmp_path, architectures)
    with pytest.raises(ConfigurationError, match=r"while model\.weights are those of one architecture"):
        load(tmp_path, architectures, model={"architecture": "ResNet50", "weights": "imagenet"})


def test_a_search_runs_on_one_machine():
    training = {"distribution": {"strategy": "multi_worker", "workers": 2}}
    DarkroomConfig.model_validate({"training": training})
    with pytest.raises(ValueError, match="tuning searches on one machine"):
        DarkroomConfig.model_validate({"training": training, "tuning": {"enabled": True}})


def test_defaults_that_do_not_fit_harm_nobody_who_does_not_search():
    training = {"batch_size": 63, "augmentation": {"n_augmentation": 3}}
    DarkroomConfig.model_validate({"training": training})


def test_values_take_the_place_of_the_configured_ones_and_the_rest_stays():
    given = TrainingSection(epochs=7, batch_size=16)
    model, training = with_values(
        ModelSection(name="pets"), given, {"training.batch_size": 32, "model.small_cnn.filters": [8, 16]}
    )
    assert (training.epochs, training.batch_size) == (7, 32)
    assert (model.name, model.small_cnn.filters) == ("pets", (8, 16))
    assert value_of(model, training, "training.batch_size") == 32


@pytest.mark.parametrize(
    ("key", "whole"),
    [
        ("training.batch_size", True),
        ("training.learning_rate", False),
        ("training.steps", True),
        ("model.dropout", False),
    ],
)
def test_whole_numbers_are_told_from_others(key, whole):
    assert takes_integers_only(key) == whole


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_the_documented_searches_are_valid(text):
    DarkroomConfig.model_validate(yaml.safe_load(text))
