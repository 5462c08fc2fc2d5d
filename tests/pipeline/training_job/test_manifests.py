"""What is made in the cluster; that it fits the published schemas, each test of the cluster checks as well."""

import pytest

from pipeline.training_job.names import JobNames
from pipeline.training_job.tf_job import TFJob
from pipeline.training_job.train_job import TrainJob
from tests.pipeline.training_job.published import check_manifest

WORKER = (
    "kubeflow.training_job.worker={cpu: '8', memory: 32Gi, gpus: 2, node_selector: {pool: gpu}, "
    "tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]}"
)
KINDS = {"TFJob": TFJob, "TrainJob": TrainJob}


@pytest.fixture(params=KINDS)
def manifests(request, configured, in_pod):
    config = configured(WORKER, "kubeflow.training_job.workers=3", f"kubeflow.training_job.kind={request.param}")
    return KINDS[request.param]().manifests(config, JobNames.of_run(config, "run-1"), ("darkroom", "worker", "/j"))


@pytest.fixture
def pod(manifests):
    return template(manifests)["spec"]


def template(manifests):
    """The workers'."""
    spec = manifests[0]["spec"]
    if "tfReplicaSpecs" in spec:
        return spec["tfReplicaSpecs"]["Worker"]["template"]
    return spec["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]


def test_they_have_the_published_fields_alone(manifests):
    for manifest in manifests:
        check_manifest(manifest)


def test_they_go_with_the_steps_pod(manifests):
    for manifest in manifests:
        assert manifest["metadata"]["ownerReferences"] == [
            {"apiVersion": "v1", "kind": "Pod", "name": "trainer-1", "uid": "uid-1"}
        ]
        assert manifest["metadata"]["namespace"] == "team"


def test_each_try_of_a_run_has_the_same_name_and_each_run_another(configured, in_pod):
    config = configured()
    names = [JobNames.of_run(config, run).name for run in ("run-1", "run-1", "run-2")]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("train-my-pets-")


def test_workers_take_what_is_configured(pod):
    [container] = pod["containers"]
    assert container["image"] == "registry/darkroom:1"
    assert container["command"] == ["darkroom", "worker", "/j"]
    assert container["resources"] == {
        "requests": {"cpu": "8", "memory": "32Gi"},
        "limits": {"memory": "32Gi", "nvidia.com/gpu": "2"},
    }
    assert pod["nodeSelector"] == {"pool": "gpu"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert {"name": "shm", "emptyDir": {"medium": "Memory"}} in pod["volumes"]


def test_workers_get_no_password_of_the_database(pod):
    [container] = pod["containers"]
    variables = {one["name"] for one in container["env"]}
    assert "AWS_SECRET_ACCESS_KEY" in variables
    assert "DARKROOM_METADATA_PASSWORD" not in variables


def test_workers_may_do_as_little_as_steps(pod):
    [container] = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_no_sidecar_keeps_a_worker_alive(manifests):
    assert template(manifests)["metadata"]["annotations"] == {"sidecar.istio.io/inject": "false"}


def test_the_whole_job_ends_with_a_worker(manifests):
    spec = manifests[0]["spec"]
    if "tfReplicaSpecs" in spec:
        assert spec["tfReplicaSpecs"]["Worker"]["restartPolicy"] == "Never"
        assert (spec["successPolicy"], spec["runPolicy"]["cleanPodPolicy"]) == ("AllWorkers", "Running")
    else:
        job_set = spec["template"]["spec"]
        assert job_set["failurePolicy"] == {"maxRestarts": 0}
        assert job_set["replicatedJobs"][0]["template"]["spec"]["backoffLimit"] == 0


def test_a_job_without_a_namespace_is_refused(configured, monkeypatch):
    monkeypatch.delenv("DARKROOM_POD_NAMESPACE", raising=False)
    with pytest.raises(Exception, match=r"kubeflow\.namespace says where"):
        JobNames.of_run(configured(), "run-1")
