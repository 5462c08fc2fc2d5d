"""The model that a run is compared with."""

from tfx.types import standard_artifacts

from pipeline.latest_blessing import LatestBlessing


def model(number):
    made = standard_artifacts.Model()
    made.id = number
    return made


def blessing(number, of_model, *, blessed):
    made = standard_artifacts.ModelBlessing()
    made.id = number
    made.set_int_custom_property("blessed", int(blessed))
    made.set_int_custom_property("current_model_id", of_model)
    return made


def chosen(models, blessings):
    found = LatestBlessing().resolve_artifacts(None, {"model": models, "model_blessing": blessings})
    return [(one.id, other.id) for one, other in zip(found["model"], found["model_blessing"], strict=True)]


def test_a_model_that_was_blessed_again_is_the_latest():
    assert chosen([model(1), model(2)], [blessing(11, 1, blessed=True), blessing(12, 2, blessed=True)]) == [(2, 12)]
    again = [blessing(11, 1, blessed=True), blessing(12, 2, blessed=True), blessing(13, 1, blessed=True)]
    assert chosen([model(1), model(2)], again) == [(1, 13)]


def test_refused_models_and_blessings_without_their_model_do_not_count():
    blessings = [blessing(11, 1, blessed=True), blessing(12, 2, blessed=False), blessing(13, 3, blessed=True)]
    assert chosen([model(1), model(2)], blessings) == [(1, 11)]
    assert chosen([model(2)], blessings) == []
    assert chosen([], []) == []
