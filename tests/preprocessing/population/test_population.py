"""Populations: counted, stored, added and compared."""

import json
import random

import pytest

from preprocessing.images import ImageLimits, inspect_image
from preprocessing.population import Population
from preprocessing.population.divergence import compare
from preprocessing.population.histogram import Binning, Histogram
from preprocessing.population.pixel_facts import PixelFacts
from tests.serving.gateway.pictures import noisy_jpeg


def population(count, *, mean=100.0, classes="abcdefghij", pixels=307_200, seed=0):
    drawn = random.Random(seed)
    made = Population()
    for _ in range(count):
        level = drawn.gauss(mean, 20)
        made.add_pixels(PixelFacts(level, level, level))
        made.add_prediction(drawn.choice(classes), drawn.random())
        made.numeric["pixels"].add(pixels)
    return made


def psi(baseline, current, feature):
    return next(found.psi for found in compare(baseline, current, min_values=1) if found.feature == feature)


@pytest.mark.parametrize(
    ("binning", "value", "index"),
    [
        (Binning(0.0, 256.0, 64), 0, 0),
        (Binning(0.0, 256.0, 64), 255.9, 63),
        (Binning(0.0, 256.0, 64), 1e9, 63),
        (Binning(0.0, 256.0, 64), -5, 0),
        (Binning(1.0, 16.0, 4, "log2"), 1.9, 0),
        (Binning(1.0, 16.0, 4, "log2"), 2.0, 1),
        (Binning(1.0, 16.0, 4, "log2"), 16.0, 3),
        (Binning(1.0, 16.0, 4, "log2"), 0.0, 0),
    ],
)
def test_a_value_falls_into_its_bin_and_the_outer_ones_take_the_rest(binning, value, index):
    assert binning.index(value) == index


def test_what_is_no_number_is_not_counted():
    histogram = Histogram(Binning(0.0, 1.0, 2))
    for value in (float("nan"), float("inf"), 0.7):
        histogram.add(value)

    assert histogram.counts == [0, 1]


def test_it_comes_back_from_json_as_it_was():
    image = noisy_jpeg()
    made = population(50)
    made.add_image(inspect_image(image, ImageLimits()), len(image))

    again = Population.from_json(json.loads(json.dumps(made.as_json())))
    assert again.as_json() == made.as_json()
    assert all(found.psi == 0 for found in compare(made, again, min_values=1))


def test_adding_two_is_counting_both():
    one, other = population(30, seed=1), population(20, seed=2)
    one.merge(other)

    assert one.numeric["brightness"].total == sum(one.categorical["predicted_class"].values()) == 50


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 2},
        {"images": "many"},
        {"numeric": []},
        {"numeric": {"red": {"low": 0, "high": 1, "scale": "linear", "counts": [1]}}},
        {"numeric": {"red": {"low": 0.0, "high": 256.0, "scale": "linear", "counts": [-1] * 64}}},
        {"numeric": {"red": 7}},
        {"categorical": {"format": {"png": "many"}}},
        {"categorical": {"format": ["png"]}},
    ],
)
def test_statistics_of_another_kind_are_an_error(change):
    with pytest.raises(ValueError, match=r"must be|need|compared only"):
        Population.from_json({**population(5).as_json(), **change})


def test_chance_alone_stays_below_a_tenth():
    baseline, current = population(1000, seed=1), population(300, seed=2)

    assert all(found.psi < 0.1 for found in compare(baseline, current, min_values=1))


def test_a_shift_of_one_deviation_is_a_large_change():
    assert psi(population(1000), population(300, mean=120.0, seed=2), "brightness") > 0.25


def test_what_the_baseline_never_had_does_not_vanish_in_its_only_bin():
    baseline = population(500)
    for pixels in (784, 50_000_000):
        assert psi(baseline, population(300, pixels=pixels), "pixels") > 1


def test_a_class_that_the_baseline_never_had_counts():
    assert psi(population(1000), population(300, classes="abcdefghijX" + "X" * 5), "predicted_class") > 0.25


def test_jensen_shannon_is_one_for_nothing_in_common():
    (found,) = [
        one
        for one in compare(population(5000, classes="a"), population(5000, classes="b"), min_values=1)
        if one.feature == "predicted_class"
    ]
    assert found.jensen_shannon == pytest.approx(1, abs=0.01)


def test_a_feature_with_too_few_values_on_either_side_is_left_out():
    assert compare(population(99), population(300), min_values=100) == []
    assert compare(population(300), population(99), min_values=100) == []


def test_more_classes_than_are_counted_apart_share_a_name(monkeypatch):
    monkeypatch.setattr("preprocessing.population.population._MAX_CATEGORIES", 2)
    made = Population()
    for label in ("a", "b", "c", "d", "a"):
        made.add_prediction(label, 0.5)

    assert made.categorical["predicted_class"] == {"a": 2, "b": 1, "(other)": 2}
