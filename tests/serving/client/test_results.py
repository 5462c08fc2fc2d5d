"""Result files that a later call goes on with, wherever the first one was killed."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.client.batch import Outcome
from serving.client.prediction import ScoredClass, build_prediction
from serving.client.results import ResultFile

FORMATS = pytest.mark.parametrize("result_format", ["jsonl", "csv"])


def outcome(name, **changes):
    found = build_prediction((ScoredClass("cat", 0, 0.9),), None, model="pets", version=1, preprocessing_version="1-x")
    return Outcome(Path(name), found, **changes)


def refused(name):
    return Outcome(Path(name), None, 'a "damaged"\nJPEG', "truncated")


def images(path, result_format):
    if result_format == "jsonl":
        return [json.loads(line)["image"] for line in path.read_text().splitlines()]
    with path.open(newline="") as file:
        return [row["image"] for row in csv.DictReader(file)]


@FORMATS
def test_a_later_call_goes_on(tmp_path, result_format):
    path = tmp_path / "out"
    with ResultFile(path, result_format) as file:
        file.write(outcome("a.png"))
        file.write(refused("b.png"))
    with ResultFile(path, result_format) as file:
        assert file.done == {"a.png", "b.png"}
        file.write(outcome("c.png"))

    assert images(path, result_format) == ["a.png", "b.png", "c.png"]


_NAMES = st.lists(st.sampled_from(["a.png", 'q"u.png', "two\nlines.png", "com,ma.png", "ünï.png"]), unique=True)


@given(_NAMES, st.data(), st.sampled_from(["jsonl", "csv"]))
def test_a_file_cut_anywhere_loses_at_most_the_lines_after_the_cut(tmp_path_factory, names, data, result_format):
    path = tmp_path_factory.mktemp("results") / "out"
    with ResultFile(path, result_format) as file:
        for name in names:
            file.write(outcome(name))
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    with ResultFile(path, result_format) as file:
        kept = file.done
        for name in names:
            if name not in kept:
                file.write(outcome(name))

    assert path.read_bytes() == whole
    assert kept == set(names[: len(kept)])


def test_names_that_are_not_utf8_are_known_again(tmp_path):
    name = b"caf\xe9.png".decode(errors="surrogateescape")
    for result_format in ("jsonl", "csv"):
        path = tmp_path / f"out.{result_format}"
        with ResultFile(path, result_format) as file:
            file.write(outcome(name))
        with ResultFile(path, result_format) as file:
            assert file.done == {name}


@FORMATS
@pytest.mark.parametrize("content", [b"something else\n", b"{}\n", b"[1]\n", b"image\n"])
def test_another_file_is_left_as_it_is(tmp_path, result_format, content):
    path = tmp_path / "out"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="another file"):
        ResultFile(path, result_format)

    assert path.read_bytes() == content


def test_two_calls_do_not_write_one_file(tmp_path):
    with ResultFile(tmp_path / "out", "csv"), pytest.raises(ValueError, match="another process"):
        ResultFile(tmp_path / "out", "csv")
