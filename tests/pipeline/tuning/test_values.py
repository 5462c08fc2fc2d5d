import pytest

from darkroom.configuration.tuning_section import RangeSection
from pipeline.tuning.values import encode, encoded, plain_values

MIXED = (None, 0.9, [1, 2])


@pytest.mark.parametrize("among", [(1, 2), (0.1, 0.2), ("a", "b"), (True, False), MIXED, ((16, 32), (32,))])
def test_every_value_of_a_list_comes_back_from_kerastuner(among):
    for value in among:
        back = plain_values({"key": encode(value, among)})["key"]
        assert back == (list(value) if isinstance(value, tuple) else value)


def test_what_kerastuner_adds_is_no_value_of_the_configuration():
    assert plain_values({"training.epochs": 3, "tuner/epochs": 1, "darkroom/report": "x"}) == {"training.epochs": 3}


def test_steps_in_floating_point_read_as_they_were_meant():
    assert plain_values({"model.dropout": 0.1 + 0.2})["model.dropout"] == 0.3


@pytest.mark.parametrize(
    ("searched", "value", "known"),
    [
        (RangeSection(min=0.1, max=1.0), 0.5, 0.5),
        (RangeSection(min=0.1, max=1.0), 2.0, None),
        (RangeSection(min=0.1, max=1.0), None, None),
        (RangeSection(values=("adam", "sgd")), "sgd", "sgd"),
        (RangeSection(values=("adam", "sgd")), "lion", None),
        (RangeSection(values=(32, 64)), 64, 64),
    ],
)
def test_the_configured_value_is_known_only_where_it_is_searched(searched, value, known):
    assert encoded({"key": searched}, "key", value) == known
