"""The CronJob of clusters without Kubeflow."""

import kubernetes_validate
import pytest
import yaml

from darkroom.configuration.load import parse_configuration
from pipeline.cron_job import render_cron_job

TEXT = """\
model: {name: My_pets}
kubernetes:
  environment: {TF_CPP_MIN_LOG_LEVEL: "2"}
  volumes: [{claim: darkroom, path: /darkroom}, {claim: images, path: /images}]
  pull_secrets: [registry]
  priority_class: darkroom-training
  steps:
    Trainer:
      gpus: 1
      memory: 16Gi
      cpu_limit: "8"
      node_selector: {pool: gpu}
      tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
      timeout_minutes: 90
"""


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    config = parse_configuration(TEXT, tmp_path_factory.mktemp("project") / "darkroom.yaml")
    return list(yaml.safe_load_all(render_cron_job(config, TEXT, "0 3 * * *", "training")))


@pytest.fixture(scope="module")
def pod(documents):
    return documents[1]["spec"]["jobTemplate"]["spec"]["template"]["spec"]


# docs/operations.md names both.
@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_it_fits_the_strict_schema(documents, version):
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)


def test_no_two_runs_at_once(documents):
    assert documents[1]["spec"]["concurrencyPolicy"] == "Forbid"


def test_the_configuration_lies_where_its_paths_start(documents, pod):
    configuration, job = documents
    assert configuration["data"]["darkroom.yaml"] == TEXT
    assert configuration["metadata"]["namespace"] == job["metadata"]["namespace"] == "training"
    [container] = pod["containers"]
    assert container["command"] == ["darkroom", "run", "--config", "/darkroom/darkroom.yaml", "--if-new"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes[mounts["/darkroom/darkroom.yaml"]]["configMap"] == {"name": configuration["metadata"]["name"]}
    assert volumes[mounts["/images"]]["persistentVolumeClaim"] == {"claimName": "images"}


def test_the_pod_takes_what_the_trainer_takes(documents, pod):
    [container] = pod["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "1", "memory": "16Gi"},
        "limits": {"cpu": "8", "memory": "16Gi", "nvidia.com/gpu": "1"},
    }
    assert pod["nodeSelector"] == {"pool": "gpu"}
    assert pod["priorityClassName"] == "darkroom-training"
    assert documents[1]["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 5400


def test_the_pod_may_do_nothing_that_it_need_not(pod):
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
