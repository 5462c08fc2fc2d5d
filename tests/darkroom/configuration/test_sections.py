"""Rules that hold between the keys of one section."""

import pytest
from pydantic import ValidationError

from darkroom.configuration import DarkroomConfig


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"task": "binary"}, "task: binary needs positive"),
        ({"positive": "cat"}, "positive is for task: binary, but task is multiclass"),
        ({"task": "binary", "positive": "cat", "classes": ["cat", "dog", "bird"]}, "classes to be two names"),
        ({"task": "binary", "positive": "cat", "classes": ["dog", "bird"]}, "'cat' among them"),
        ({"task": "regression", "classes": ["cat", "dog"]}, "a regression has no classes"),
        ({"task": "ranking"}, "'multiclass', 'binary' or 'regression'"),
    ],
)
def test_a_task_that_does_not_fit_the_classes_is_refused(data: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DarkroomConfig.model_validate({"data": data})


def test_two_sources_are_refused() -> None:
    with pytest.raises(ValidationError, match="images and listing are all given"):
        DarkroomConfig.model_validate({"data": {"images": "photos", "listing": {"path": "list.csv"}}})


def test_groups_need_a_column() -> None:
    with pytest.raises(ValidationError, match="group is a column of a listing or a feature of tfrecords, but images"):
        DarkroomConfig.model_validate({"data": {"group": "patient"}})
