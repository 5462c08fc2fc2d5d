"""A cluster on loopback, and a run's training in it."""

import pytest
from kubernetes import client

from darkroom.configuration.load import parse_configuration
from pipeline.distribution.job import Job
from pipeline.training_job.cluster_api import ClusterApi
from pipeline.training_job.names import POD_NAME, POD_NAMESPACE, POD_UID
from pipeline.training_job.runner import TrainingJob
from tests.pipeline.training_job.cluster import NAMESPACE, Cluster, kubeconfig, serving

TEXT = """\
model: {name: My_pets}
training: {distribution: {strategy: multi_worker}}
pipeline: {metadata: {host: db}}
kubernetes:
  image: registry/darkroom:1
  environment: {TF_CPP_MIN_LOG_LEVEL: "2"}
  secrets:
    - {variable: DARKROOM_METADATA_PASSWORD, secret: darkroom-metadata, key: password}
    - {variable: AWS_SECRET_ACCESS_KEY, secret: bucket, key: secret}
kubeflow: {training_job: {workers: 2}}
"""
JOBS = "tests.pipeline.distribution.jobs"


@pytest.fixture
def cluster(tmp_path):
    return Cluster(tmp_path / "pods")


@pytest.fixture
def url(cluster):
    with serving(cluster) as found:
        yield found


@pytest.fixture
def api(url):
    return ClusterApi(client.ApiClient(client.Configuration(host=url)), NAMESPACE, patience_seconds=5)


@pytest.fixture
def configured(tmp_path):
    """Makes a configuration."""

    def make(*overrides):
        return parse_configuration(TEXT, tmp_path / "darkroom.yaml", overrides)

    return make


@pytest.fixture
def in_pod(monkeypatch):
    """What Kubernetes tells the step of its pod."""
    for variable, value in ((POD_NAME, "trainer-1"), (POD_UID, "uid-1"), (POD_NAMESPACE, NAMESPACE)):
        monkeypatch.setenv(variable, value)


@pytest.fixture
def default_cluster(url, tmp_path, monkeypatch):
    """Whoever asks for a cluster is led to this one."""
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig(url))
    monkeypatch.setenv("KUBECONFIG", str(file))


@pytest.fixture
def training(api, configured, in_pod):
    """Makes a run's training."""

    def make(*overrides):
        return TrainingJob(configured(*overrides), "run-1", api, poll_seconds=0.05)

    return make


@pytest.fixture
def job(tmp_path):
    """Makes a job of a function that takes a folder."""
    folder = tmp_path / "made"
    folder.mkdir()

    def make(function, **argument):
        return Job(function=f"{JOBS}.{function}", argument={"folder": str(folder), **argument})

    return make
