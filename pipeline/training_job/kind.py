"""What the kinds of training jobs have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from darkroom.configuration import DarkroomConfig
from pipeline.pods import PodCommand, pod_spec
from pipeline.training_job.names import JobNames

Manifest = dict[str, Any]

# Of a worker's pod: how long it has to end, with a saved state behind it and nothing to finish.
_GRACE_SECONDS = 10


class JobState(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object, as the Kubernetes API addresses it."""

    group: str
    version: str
    plural: str
    kind: str

    def manifest(self, names: JobNames, spec: Mapping[str, Any]) -> Manifest:
        """An object of this kind; owned by the step's pod."""
        return {
            "apiVersion": f"{self.group}/{self.version}",
            "kind": self.kind,
            "metadata": {
                "name": names.name,
                "namespace": names.namespace,
                "labels": names.labels,
                "ownerReferences": names.owners,
            },
            "spec": dict(spec),
        }


class JobKind(Protocol):
    """One kind of training job.

    Attributes:
        resources: of the objects that make up a job, in the order in which they are made; the job itself is the last.
        index_label: of a pod: its worker's number.
    """

    resources: tuple[Resource, ...]
    index_label: str

    def manifests(self, config: DarkroomConfig, names: JobNames, command: tuple[str, ...]) -> list[Manifest]:
        """The objects to make, in the order of `resources`."""

    def state(self, job: Mapping[str, Any]) -> JobState:
        """How far a job is."""


def worker_template(config: DarkroomConfig, names: JobNames, wanted: PodCommand) -> Manifest:
    """The pod template of the workers."""
    section = config.kubeflow.training_job
    assert section is not None, "there is no job without its section"
    spec = pod_spec(config.kubernetes, section.worker, wanted)
    spec["terminationGracePeriodSeconds"] = _GRACE_SECONDS
    [container] = spec["containers"]
    # What it last said is in its status then, where its log may be gone with its node.
    container["terminationMessagePolicy"] = "FallbackToLogsOnError"
    if section.worker.gpus > 1:
        # NCCL exchanges between GPUs of one pod through it; a container's own has 64 MB.
        spec["volumes"].append({"name": "shm", "emptyDir": {"medium": "Memory"}})
        container["volumeMounts"].append({"name": "shm", "mountPath": "/dev/shm"})
    # A sidecar would not end with the training, and its proxy stands between workers that speak gRPC to one another.
    return {
        "metadata": {"labels": names.labels, "annotations": {"sidecar.istio.io/inject": "false"}},
        "spec": spec,
    }


def needless_secrets(config: DarkroomConfig) -> frozenset[str]:
    """Variables that workers do without: they record nothing in the database."""
    metadata = config.pipeline.metadata
    return frozenset() if metadata is None else frozenset({metadata.password_variable})


def condition_is_true(job: Mapping[str, Any], kind: str) -> bool:
    """Whether a condition of an object's status holds."""
    conditions = (job.get("status") or {}).get("conditions") or []
    return any(one["type"] == kind and one["status"] == "True" for one in conditions)
