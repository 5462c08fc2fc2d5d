"""The first ten minutes: everything that `make quickstart` does after the set-up."""

import json
import re
import subprocess
import sys

import pytest

from tests.darkroom.command import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("quickstart") / "digits"


def quickstart(folder):
    return subprocess.run(
        [sys.executable, "-m", "darkroom.quickstart", "--folder", str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


@pytest.fixture(scope="module")
def first(folder):
    done = quickstart(folder)
    assert done.returncode == 0, done.stderr
    return done


def test_both_protocols_answer_with_label_confidence_and_versions(folder, first):
    rows = re.findall(r"\.png +(\d) +(0\.\d{4}|1\.0000) +digits/(\d+) +(1-[0-9a-f]+)", first.stdout)
    assert len(rows) == 2
    assert rows[0] == rows[1]
    label, _, version, preprocessing = rows[0]
    [model] = (folder / "models" / "digits").iterdir()
    description = json.loads((model / "assets.extra" / "darkroom.json").read_text())
    assert version == model.name
    assert preprocessing == description["preprocessing"]["version"]
    held_out = re.search(r"a digit that training never saw: \S+/images/(\d)/", first.stderr)
    assert held_out
    assert label == held_out[1]


def test_the_model_is_good(folder, first):
    [model] = (folder / "models" / "digits").iterdir()
    description = json.loads((model / "assets.extra" / "darkroom.json").read_text())
    assert description["evaluation"]["accuracy"] >= 0.97


def test_the_server_is_stopped_and_the_next_commands_are_shown(first):
    assert first.stderr.index("The server is stopped.") < first.stderr.index("\nNext:\n")
    assert "darkroom serve -c " in first.stderr


def test_a_second_call_reuses_what_is_there(folder, first):
    models = list((folder / "models" / "digits").iterdir())
    again = quickstart(folder)
    assert again.returncode == 0, again.stderr
    assert "(0 new)" in again.stderr
    assert "The model of an earlier run" in again.stderr
    assert again.stdout == first.stdout
    assert list((folder / "models" / "digits").iterdir()) == models
