"""`darkroom data inspect`, `stats`, `quarantine`: the pipeline up to the statistics, on a folder with bad files.

The commands run in this process: TensorFlow and TFX are loaded once, and all but the first find their results cached.
"""

import json
import os

import pytest
import yaml

from darkroom.cli import cli
from tests.pipeline.image_sets import write_bad_files, write_digits

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Project:
    """A folder with a configuration."""

    def __init__(self, root):
        images = write_digits(root / "images", digits=(0, 1), of_each=20)
        self.bad = write_bad_files(images / "1")
        (images / "1" / os.fsdecode(b"two\nlines \xff.png")).write_text("no picture")
        self.config = root / "darkroom.yaml"
        self.config.write_text(yaml.safe_dump({"data": {"images": "images"}, "model": {"name": "digits"}}))
        self.page = root / ".darkroom" / "data.html"

    def run(self, capfd, *arguments):
        """What a command prints for machines and for people."""
        cli.main(["data", *arguments, "-c", str(self.config)], standalone_mode=False)
        return capfd.readouterr()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("project"))


def test_the_data_is_looked_at_without_training(project, capfd):
    printed = project.run(capfd, "inspect", "--json")
    found = json.loads(printed.out)
    # Six of 46 are more than a run allows; looking shows them all the same.
    assert sum(found["reasons"].values()) == 6
    assert found["counts"]["test"] == {"0": 4, "1": 4}
    assert "put aside: unknown_format 2" in printed.err
    assert found["page"] == str(project.page)

    page = project.page.read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 16
    for name, reason in project.bad.items():
        assert f"<td>1/{name}</td><td>1</td><td>{reason}</td>" in page
    for title in ("width, pixels", "file size, bytes", "brightness, 0 to 255", "contrast, levels"):
        assert f"<h3>{title}</h3><svg" in page
    assert "<td>png</td>" in page


def test_statistics_are_shown_for_each_split(project, capfd, tmp_path):
    printed = project.run(capfd, "stats", "--json", "--html", str(tmp_path / "view.html"))
    found = json.loads(printed.out)
    brightness = found["measures"]["image/brightness"]
    assert {split: measure["count"] for split, measure in brightness.items()} == {"train": 28, "eval": 4, "test": 8}
    assert found["measures"]["image/width"]["train"]["maximum"] == 8
    assert sum(counts["png"] for counts in found["formats"].values()) == 40
    assert "facets-overview" in (tmp_path / "view.html").read_text()


def test_what_is_usable_is_exported(project, capfd, tmp_path):
    found = json.loads(project.run(capfd, "export", str(tmp_path / "job"), "--json").out)
    assert found == {"folder": str(tmp_path / "job"), "samples": {"train": 28, "eval": 4, "test": 8}}
    assert len(list((tmp_path / "job" / "images").rglob("*.png"))) == 40


def test_what_is_put_aside_is_listed_with_reasons(project, capfd):
    lines = [json.loads(line) for line in project.run(capfd, "quarantine", "--json").out.splitlines()]
    assert {
        line["file"].removeprefix("1/"): line["reason"] for line in lines if "two" not in line["file"]
    } == project.bad
    printed = project.run(capfd, "quarantine").err
    assert "'1/text.jpg': unknown_format: " in printed
    assert r"'1/two\nlines \udcff.png': unknown_format: " in printed
    assert "6 put aside, 40 usable, unknown_format 2" in printed
