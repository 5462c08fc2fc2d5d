"""A run in MLflow's own store, read back by its client."""

import pytest

from pipeline.runs.mlflow_log import MlflowFailedError, log_run
from tests.pipeline.report.made_report import made_report

mlflow = pytest.importorskip("mlflow", reason="mlflow-skinny is not installed (uv sync)")


def test_parameters_measures_curves_and_files_are_there(tmp_path, monkeypatch):
    # A folder is the one store that needs no server; MLflow 3 wants to be told that it is meant.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = f"file:{tmp_path}/store"
    (tmp_path / "page.html").write_text("<p>the page</p>")
    report = made_report(tmp_path)
    logged = log_run(report, uri, tmp_path / "page.html")
    client = mlflow.MlflowClient(uri)
    run = client.get_run(logged)
    assert client.get_experiment_by_name("pets").experiment_id == run.info.experiment_id
    assert run.data.params["model.name"] == "pets"
    assert run.data.metrics["accuracy"] == pytest.approx(report.evaluation.values["accuracy"])
    curve = client.get_metric_history(logged, "training/val_loss")
    assert [(point.step, point.value) for point in curve] == [(1, 2.0), (2, 1.5), (3, 1.6)]
    assert run.data.tags["darkroom.outcome"] == "pushed as 12"
    assert {file.path for file in client.list_artifacts(logged)} == {"page.html", "model_card.md"}
    # Again into the same experiment.
    assert log_run(report, uri) != logged


def test_a_server_that_is_away_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(MlflowFailedError, match=r"not logged to MLflow at http://127\.0\.0\.1:1: [^\n]+$"):
        log_run(made_report(tmp_path), "http://127.0.0.1:1")


def test_a_store_that_refuses_is_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    with pytest.raises(MlflowFailedError, match=r"not logged to MLflow at file:[^\n]+$"):
        log_run(made_report(tmp_path), f"file:{tmp_path}/store")
