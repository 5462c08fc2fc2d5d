"""The Kubernetes API when it does not do as it is asked."""

import pytest

from darkroom.errors import DarkroomError
from pipeline.training_job.cluster_api import ClusterApi
from pipeline.training_job.tf_job import TFJob

[RESOURCE] = TFJob.resources


def test_an_api_that_is_away_for_a_moment_is_asked_again(cluster, api, monkeypatch):
    monkeypatch.setattr("pipeline.training_job.cluster_api._PAUSE_SECONDS", 0.01)
    cluster.refuses = [503, 429]
    assert api.pods("a=b") == []
    assert len(cluster.requests) == 3


def test_what_it_refuses_is_told_with_what_to_do(cluster, api):
    cluster.refuses = [403]
    with pytest.raises(DarkroomError, match=r"refuses to list pods: 403 .*not now.*Role darkroom-training"):
        api.pods("a=b")


def test_what_is_not_there_is_none(api):
    assert api.get(RESOURCE, "nothing") is None
    assert api.delete(RESOURCE, "nothing") is False


def test_no_cluster_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(DarkroomError, match="needs the Kubernetes API"):
        ClusterApi.connect("team")
