"""`darkroom data` over spans that change: drift, a curated schema, and runs that are blocked before they train.

The commands run in this process: TensorFlow and TFX are loaded once.
"""

import json

import numpy as np
import pytest
import yaml
from PIL import Image

from darkroom.cli import cli
from darkroom.errors import ConfigurationError, DataError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Project:
    """A folder with a configuration and spans of pictures."""

    def __init__(self, root):
        self.root = root
        self.config = root / "darkroom.yaml"
        self.schema = root / "schema.pbtxt"
        data = {
            "images": "{YYYY}-{MM}-{DD}",
            "validation": {"min_images": 20, "jensen_shannon": {"file_size": None, "contrast": None}},
        }
        self.config.write_text(yaml.safe_dump({"data": data, "model": {"name": "made"}}))

    def deliver(self, span, *, brightness, classes="ab"):
        rng = np.random.default_rng(len(list(self.root.iterdir())))
        for name in classes:
            (self.root / span / name).mkdir(parents=True)
            for number in range(24):
                levels = (brightness + rng.integers(-40, 40, (8, 8))).astype(np.uint8)
                Image.fromarray(levels).save(self.root / span / name / f"{number}.png")

    def run(self, capfd, *arguments):
        """What a command prints for machines and for people."""
        capfd.readouterr()
        cli.main([*arguments, "-c", str(self.config)], standalone_mode=False)
        return capfd.readouterr()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("project"))
    made.deliver("2026-11-19", brightness=100)
    return made


def test_spans_drift_and_a_schema_from_first_to_second(project, capfd):
    """The steps build on one another: they are one story."""
    found = json.loads(project.run(capfd, "data", "inspect", "--json").out)
    assert (found["spans"], found["previous"], found["drift"]) == (["2026-11-19"], None, [])
    assert str(project.schema) in project.run(capfd, "data", "schema").err
    assert 'string_domain {\n    value: "a"\n    value: "b"' in project.schema.read_text()

    project.deliver("2026-11-20", brightness=200, classes="abc")
    printed = project.run(capfd, "data", "inspect", "--json", "--set", "data.validation.schema_file=schema.pbtxt")
    found = json.loads(printed.out)
    assert (found["spans"], found["previous"]) == (["2026-11-20"], "span 2026-11-19")
    assert [line.split(": Jensen")[0].split(": L-inf")[0] for line in found["drift"]] == [
        "drift: label of span 2026-11-20 against span 2026-11-19",
        "drift: label of span 2026-11-20 against span 2026-11-19",
        "drift: brightness of span 2026-11-20 against span 2026-11-19",
    ]
    assert "train: image/class/text: Examples contain values missing from the schema: c" in " ".join(found["anomalies"])
    assert "brightness</td><td>span 2026-11-20</td>" in (project.root / ".darkroom" / "data.html").read_text()

    comparisons = json.loads(project.run(capfd, "data", "stats", "--json").out)["comparisons"]
    assert {one["kind"] for one in comparisons} == {"drift", "skew"}


@pytest.mark.parametrize(
    ("key", "message"),
    [("drift", "brightness of span 2026-11-20 against"), ("anomalies", "values missing from the schema: c")],
)
def test_a_run_is_blocked_before_it_trains(project, capfd, key, message):
    arguments = ("--set", "data.validation.schema_file=schema.pbtxt", "--set", f"data.validation.{key}=block")
    with pytest.raises(DataError, match=f"data.validation.{key} is set to block.*\n(.|\n)*{message}"):
        project.run(capfd, "run", *arguments)
    printed = capfd.readouterr().err
    assert "DataValidator      failed" in printed
    assert "Transform" not in printed


def test_blocked_data_is_not_what_the_next_is_compared_with(project, capfd):
    project.deliver("2026-11-21", brightness=200, classes="abc")
    printed = project.run(capfd, "data", "inspect", "--json", "--set", "data.validation.drift=block")
    found = json.loads(printed.out)
    assert (found["spans"], found["previous"]) == (["2026-11-21"], "span 2026-11-19")
    assert found["blocked_by"] == ["data.validation.drift"]
    assert "data.validation.drift is set to block, and would end a run" in printed.err


def test_a_schema_is_not_overwritten_silently(project, capfd):
    before = project.schema.read_text()
    with pytest.raises(ConfigurationError, match="is there already and stays as it is"):
        project.run(capfd, "data", "schema")
    assert '+    value: "c"' in capfd.readouterr().err
    assert project.schema.read_text() == before
    project.run(capfd, "data", "schema", "--update")
    assert 'value: "b"\n    value: "c"' in project.schema.read_text()
    assert "is right for this data already" in project.run(capfd, "data", "schema").err


def test_spans_are_listed(project, capfd):
    found = json.loads(project.run(capfd, "data", "spans", "--json").out)
    assert [(row["span"], row["taken"]) for row in found["spans"]] == [
        ("2026-11-19", False),
        ("2026-11-20", False),
        ("2026-11-21", True),
    ]
    assert found["newest_training"] is None
    runs = json.loads(project.run(capfd, "runs", "--json").out)
    assert {run["spans"] for run in runs} == {"2026-11-19", "2026-11-20", "2026-11-21"}
