"""TFDV's comparators over statistics of made tables."""

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from darkroom.configuration.validation_section import ValidationSection
from pipeline import features
from pipeline.validation.comparison import compare
from pipeline.validation.served import served_statistics
from preprocessing.population import Population

IMAGES = 400


def columns(seed, *, brightness=120.0, width=640, cats=0.5, images=IMAGES):
    rng = np.random.default_rng(seed)
    return {
        features.LABEL_TEXT: np.where(rng.permutation(images) < cats * images, "cat", "dog"),
        features.FORMAT: ["jpeg"] * images,
        features.WIDTH: np.full(images, width),
        features.ASPECT_RATIO: np.full(images, 4 / 3, np.float32),
        features.FILE_SIZE: np.exp(rng.normal(11, 1, images)).astype(int),
        features.BRIGHTNESS: rng.normal(brightness, 20, images).clip(0, 255).astype(np.float32),
    }


def statistics(found):
    return tfdv.generate_statistics_from_dataframe(pd.DataFrame(found))


@pytest.fixture(scope="module")
def before():
    return statistics(columns(1))


def distances(found):
    return {(one.feature, one.measure): one.value for one in found}


def exceeded(found):
    return {(one.feature, one.measure) for one in found if one.is_exceeded}


def test_two_samples_of_the_same_are_near(before):
    found = compare("drift", ("a", before), ("b", statistics(columns(2))), ValidationSection())
    assert len(found) == 8
    assert max(distances(found).values()) < 0.08
    assert not exceeded(found)


def test_what_moved_is_named(before):
    moved = statistics(columns(2, brightness=200.0, width=1280, cats=0.8))
    found = compare("drift", ("span 1", before), ("span 2", moved), ValidationSection())
    assert exceeded(found) == {
        ("label", "l_infinity"),
        ("width", "jensen_shannon"),
        ("brightness", "jensen_shannon"),
    }
    measured = distances(found)
    assert measured["label", "l_infinity"] == pytest.approx(0.3)
    # Shares of 0.5 and 0.5 against 0.8 and 0.2, to base 2.
    assert measured["label", "jensen_shannon"] == pytest.approx(0.0732, abs=1e-3)
    assert measured["width", "jensen_shannon"] == 1
    sentence = next(one.sentence for one in found if one.is_exceeded and one.feature == "width")
    assert sentence == "drift: width of span 2 against span 1: Jensen-Shannon divergence 1, above 0.2"


def test_limits_are_those_of_the_configuration(before):
    moved = statistics(columns(2, brightness=200.0, width=1280))
    section = ValidationSection.model_validate({"jensen_shannon": {"width": None, "brightness": 0.999}})
    found = compare("drift", ("a", before), ("b", moved), section)
    assert not exceeded(found)
    assert distances(found)["width", "jensen_shannon"] == 1


def test_small_sets_are_shown_and_not_held_to_a_limit(before):
    few = statistics(columns(2, width=1280, images=99))
    found = compare("drift", ("a", before), ("b", few), ValidationSection())
    assert not exceeded(found)
    assert distances(found)["width", "jensen_shannon"] == 1


def population(found):
    made = Population()
    made.images = len(found[features.FORMAT])
    made.categorical["format"].update(found[features.FORMAT])
    made.categorical["predicted_class"].update(found[features.LABEL_TEXT].tolist())
    for name, key in (
        ("aspect_ratio", features.ASPECT_RATIO),
        ("encoded_bytes", features.FILE_SIZE),
        ("brightness", features.BRIGHTNESS),
    ):
        for value in found[key]:
            made.numeric[name].add(float(value))
    return made


@pytest.mark.parametrize(
    ("served", "moved"),
    [
        ({}, set()),
        ({"brightness": 200.0}, {("brightness", "jensen_shannon")}),
        ({"cats": 0.8}, {("label", "l_infinity")}),
    ],
)
def test_what_was_served_is_compared_by_the_same_rules(before, served, moved):
    like = served_statistics(population(columns(2, **served)), before)
    found = compare("served", ("what was served", like), ("training", before), ValidationSection())
    assert {one.feature for one in found} == {"label", "format", "aspect_ratio", "file_size", "brightness"}
    assert exceeded(found) == moved


def test_served_images_of_another_shape_are_seen_beside_training_images_of_one(before):
    other = columns(2)
    other[features.ASPECT_RATIO] = np.full(IMAGES, 1.0)
    found = compare("served", ("a", served_statistics(population(other), before)), ("b", before), ValidationSection())
    assert exceeded(found) == {("aspect_ratio", "jensen_shannon")}
