"""Pods that run the pipeline's image beside Kubeflow's own: their specification, as Kubernetes takes it.

They fit the `restricted` Pod Security Standard: https://kubernetes.io/docs/concepts/security/pod-security-standards
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from darkroom.configuration.kubernetes_section import KubernetesSection
from darkroom.configuration.pod_section import PodSection

# The user of the image.
_USER = 10001

_SCRATCH = "/tmp"


@dataclass(frozen=True, slots=True)
class PodCommand:
    """What a pod's one container does.

    Attributes:
        container: its name.
        command: its command line.
        environment: beside that of the configuration.
        hidden: variables of `kubernetes.secrets` that it does without.
    """

    container: str
    command: Sequence[str]
    environment: Sequence[Mapping[str, Any]] = ()
    hidden: frozenset[str] = frozenset()


def pod_spec(section: KubernetesSection, wanted: PodSection, command: PodCommand) -> dict[str, Any]:
    """A pod that runs one command in the pipeline's image, and is not started again by its node.

    Args:
        section: image, volumes, secrets and environment.
        wanted: its resources and nodes.
        command: what it runs.
    """
    claims = [
        {"name": f"claim-{number}", "persistentVolumeClaim": {"claimName": volume.claim}}
        for number, volume in enumerate(section.volumes)
    ]
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(section, wanted, command)],
        "volumes": [*claims, {"name": "scratch", "emptyDir": {}}],
    }
    if wanted.node_selector:
        pod["nodeSelector"] = dict(wanted.node_selector)
    if wanted.tolerations:
        pod["tolerations"] = [one.model_dump(exclude_none=True) for one in wanted.tolerations]
    if section.priority_class is not None:
        pod["priorityClassName"] = section.priority_class
    if section.pull_secrets:
        pod["imagePullSecrets"] = [{"name": secret} for secret in section.pull_secrets]
    return pod


def _container(section: KubernetesSection, wanted: PodSection, command: PodCommand) -> dict[str, Any]:
    return {
        "name": command.container,
        "image": section.image,
        "command": list(command.command),
        "env": [{"name": "HOME", "value": _SCRATCH}, *command.environment, *_environment(section, command.hidden)],
        "resources": _resources(wanted),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            *({"name": f"claim-{number}", "mountPath": volume.path} for number, volume in enumerate(section.volumes)),
            {"name": "scratch", "mountPath": _SCRATCH},
        ],
    }


def _environment(section: KubernetesSection, hidden: frozenset[str]) -> Iterable[dict[str, Any]]:
    yield from ({"name": key, "value": value} for key, value in section.environment.items())
    for secret in section.secrets:
        if secret.variable not in hidden:
            reference = {"name": secret.secret, "key": secret.key, "optional": True}
            yield {"name": secret.variable, "valueFrom": {"secretKeyRef": reference}}


def _resources(wanted: PodSection) -> dict[str, dict[str, str]]:
    limits = {"memory": wanted.memory, **({"cpu": wanted.cpu_limit} if wanted.cpu_limit else {})}
    if wanted.gpus:
        limits[wanted.gpu_resource] = str(wanted.gpus)
    return {"requests": {"cpu": wanted.cpu, "memory": wanted.memory}, "limits": limits}
