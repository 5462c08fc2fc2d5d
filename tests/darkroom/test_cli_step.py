"""`darkroom step`, as a container runs it, with what a run may be started with by mistake."""

import pytest

from tests.darkroom.command import darkroom

TEXT = "data: {images: images}\nmodel: {name: pets}\n"


@pytest.fixture
def step(tmp_path):
    def call(name, *arguments, run_id="run-1"):
        given = ("--run-id", run_id, "--folder", tmp_path, "--configuration", TEXT)
        return darkroom("step", name, *given, *arguments)

    return call


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--parameter", "training.epochs", "-1"), "training.epochs"),
        (("--parameter", "training.epochs", "["), "not valid YAML"),
        (("--overrides", '["training.epoks=3"]'), "did you mean training.epochs?"),
        (("--overrides", '{"a": 1}'), "must be a list of texts"),
        (("--trigger", "moon"), "must be manual, schedule, drift, span, found 'moon'"),
    ],
    ids=["value", "yaml", "key", "form", "trigger"],
)
def test_bad_parameters_are_told_by_the_last_step_too(arguments, said, step, tmp_path):
    prepared = step("Prepare", *arguments)
    assert prepared.returncode == 2
    assert said in prepared.stderr
    page = tmp_path / "page.html"
    finished = step("Finish", *(arguments if arguments[0] != "--trigger" else ()), "--output", "report", page)
    assert finished.returncode == 0, finished.stderr
    assert "pets: bad input" in page.read_text()


def test_the_runs_id_comes_from_the_pods_label_where_kubeflow_leaves_its_placeholder(step, tmp_path, monkeypatch):
    placeholder = "{{$.pipeline_job_uuid}}"
    refused = step("Prepare", run_id=placeholder)
    assert refused.returncode == 1
    assert "DARKROOM_RUN_ID is not set" in refused.stderr
    monkeypatch.setenv("DARKROOM_RUN_ID", "from-the-label")
    assert step("Prepare", run_id=placeholder).returncode == 0
    assert (tmp_path / ".darkroom" / "steps" / "from-the-label" / "Prepare.json").exists()
