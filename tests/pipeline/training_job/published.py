"""The fields that Kubeflow's resource definitions publish, and a check that manifests have no others.

From github.com/kubeflow/training-operator, manifests/base/crds/kubeflow.org_tfjobs.yaml (1.9), and
github.com/kubeflow/trainer, pkg/apis/trainer/v1alpha1 (2.0 to 2.2); the API server drops what is not in them, without
a word. Pods and Jobs in them are Kubernetes' own, whose schemas kubernetes-validate has.
"""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate

VERSIONS = ("1.29", "1.37")

_METADATA = {"name", "namespace", "labels", "annotations", "ownerReferences"}
_RUN_POLICY = {
    "activeDeadlineSeconds",
    "backoffLimit",
    "cleanPodPolicy",
    "managedBy",
    "schedulingPolicy",
    "suspend",
    "ttlSecondsAfterFinished",
}
_JOB_SET = {
    "coordinator",
    "failurePolicy",
    "managedBy",
    "network",
    "replicatedJobs",
    "startupPolicy",
    "successPolicy",
    "suspend",
    "ttlSecondsAfterFinished",
}


def check_manifest(manifest: dict[str, Any]) -> None:
    """Fails on what the cluster would not take, or would drop."""
    assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}
    metadata = manifest["metadata"]
    assert set(metadata) <= _METADATA, metadata
    # A TrainJob's name is a label of RFC 1035, and so are the names of pods' hosts.
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", metadata["name"]), metadata["name"]
    assert len(f"{metadata['name']}-worker-63") <= 63
    for owner in metadata["ownerReferences"]:
        assert set(owner) == {"apiVersion", "kind", "name", "uid"}, owner
    _CHECKS[manifest["apiVersion"], manifest["kind"]](manifest["spec"])


def _tf_job(spec: dict[str, Any]) -> None:
    assert set(spec) <= {"enableDynamicWorker", "runPolicy", "successPolicy", "tfReplicaSpecs"}
    assert set(spec["runPolicy"]) <= _RUN_POLICY
    assert spec["runPolicy"]["cleanPodPolicy"] in ("All", "Running", "None")
    assert spec["successPolicy"] in ("", "AllWorkers")
    for kind, replicas in spec["tfReplicaSpecs"].items():
        assert kind in ("Chief", "Master", "Worker", "PS", "Evaluator")
        assert set(replicas) <= {"replicas", "restartPolicy", "template"}
        assert replicas["restartPolicy"] in ("Always", "OnFailure", "Never", "ExitCode")
        _pod(replicas["template"])
        [container] = [one for one in replicas["template"]["spec"]["containers"] if one["name"] == "tensorflow"]
        assert [port["name"] for port in container["ports"]] == ["tfjob-port"]


def _training_runtime(spec: dict[str, Any]) -> None:
    assert set(spec) <= {"mlPolicy", "podGroupPolicy", "template"}
    assert set(spec["mlPolicy"]) == {"numNodes"}
    assert set(spec["template"]) <= {"metadata", "spec"}
    assert set(spec["template"]["spec"]) <= _JOB_SET
    assert set(spec["template"]["spec"]["failurePolicy"]) <= {"maxRestarts", "restartStrategy", "rules"}
    for replicated in spec["template"]["spec"]["replicatedJobs"]:
        assert set(replicated) <= {"dependsOn", "groupName", "name", "replicas", "template"}
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "job"},
            "spec": replicated["template"]["spec"],
        }
        for version in VERSIONS:
            kubernetes_validate.validate(job, version, strict=True)
        [container] = job["spec"]["template"]["spec"]["containers"]
        assert container["name"] == "node"


def _train_job(spec: dict[str, Any]) -> None:
    # Those that all releases have.
    assert set(spec) <= {"runtimeRef", "initializer", "trainer", "suspend", "managedBy"}
    assert set(spec["runtimeRef"]) <= {"name", "apiGroup", "kind"}
    assert set(spec["trainer"]) <= {"args", "command", "env", "image", "numNodes", "numProcPerNode", "resourcesPerNode"}


def _pod(template: dict[str, Any]) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod", **template["metadata"]},
        "spec": template["spec"],
    }
    for version in VERSIONS:
        kubernetes_validate.validate(pod, version, strict=True)


_CHECKS = {
    ("kubeflow.org/v1", "TFJob"): _tf_job,
    ("trainer.kubeflow.org/v1alpha1", "TrainingRuntime"): _training_runtime,
    ("trainer.kubeflow.org/v1alpha1", "TrainJob"): _train_job,
}
