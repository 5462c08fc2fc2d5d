"""The test split's parts."""

import numpy as np
import pytest

from darkroom.configuration.evaluation_section import EvaluationSection
from pipeline.evaluation.measures.answers import ClassAnswers, ValueAnswers
from pipeline.evaluation.recorded import Recorded
from pipeline.evaluation.slices import parts_of, source_of

NAMES = ("cat/indoor/1.jpg", "cat/2.jpg", "dog/indoor/3.jpg", "dog/street/east/4.jpg")


def recorded(names=NAMES, *, extra=None, answers=None):
    count = len(names)
    return Recorded(
        sha256=np.array([f"{number:064x}" for number in range(count)]),
        filename=np.array(names),
        size=np.full(count, 100.0),
        brightness=np.full(count, 80.0),
        extra=extra or ({},) * count,
        candidate=answers or ClassAnswers(np.array([0, 0, 1, 1]), np.eye(2)[[0, 0, 1, 1]]),
        baseline=None,
        images=count,
    )


def parts(found, name):
    every = parts_of(found, ("cat", "dog"), EvaluationSection())
    return {part.value: part.chosen.tolist() for part in every if part.slice == name}


@pytest.mark.parametrize(
    ("filename", "class_name", "source"),
    [
        ("cat/1.jpg", "cat", "."),
        ("cat/indoor/1.jpg", "cat", "indoor"),
        ("indoor/cat/1.jpg", "cat", "indoor/cat"),
        ("left/1.jpg", "", "left"),
        ("1.jpg", "", "."),
        ("shard-00001.tfrecord:17", "cat", "shard-00001.tfrecord"),
        ("at 10:30.jpg", "cat", "."),
    ],
)
def test_a_source_is_what_the_name_tells_beside_the_class(filename, class_name, source):
    assert source_of(filename, class_name) == source


def test_images_are_parted_by_source():
    assert parts(recorded(), "source") == {
        ".": [False, True, False, False],
        "indoor": [True, False, True, False],
        "street/east": [False, False, False, True],
    }


def test_a_regressions_folders_are_its_sources():
    answers = ValueAnswers(np.zeros(4), np.zeros(4))
    assert set(parts(recorded(answers=answers), "source")) == {"cat/indoor", "cat", "dog/indoor", "dog/street/east"}


def test_a_column_called_source_is_taken_as_it_is():
    extra = tuple({"source": name} for name in ("phone", "phone", "scan", "scan"))
    assert parts(recorded(extra=extra), "source") == {
        "phone": [True, True, False, False],
        "scan": [False, False, True, True],
    }


def test_one_source_is_no_part():
    assert parts(recorded(("cat/1.jpg", "cat/2.jpg", "dog/3.jpg", "dog/4.jpg")), "source") == {}
