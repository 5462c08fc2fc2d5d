"""A schedule for clusters without Kubeflow: a Kubernetes CronJob that runs the whole pipeline in one pod."""

from __future__ import annotations

from typing import Any

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.kubernetes_section import KubernetesSection, StepSection
from pipeline.names import kebab_case
from pipeline.yaml_text import yaml_of

_FILE = "darkroom.yaml"
# The user of the image.
_USER = 10001
# A start that was missed by more than an hour waits for the next one.
_LATEST_START_SECONDS = 3600


def render_cron_job(config: DarkroomConfig, text: str, cron: str, namespace: str) -> str:
    """A ConfigMap with the configuration, and the CronJob, as YAML.

    Args:
        config: whose `kubernetes` section says what the pod takes; the Trainer's share is the pod's.
        text: of the configuration.
        cron: five fields.
        namespace: where both go.
    """
    name = f"darkroom-{kebab_case(config.pipeline_name)}"[:52].rstrip("-")
    labels = {"app.kubernetes.io/name": "darkroom", "app.kubernetes.io/component": "pipeline"}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    documents = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {_FILE: text}},
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": metadata,
            "spec": {
                "schedule": cron,
                "concurrencyPolicy": "Forbid",
                "startingDeadlineSeconds": _LATEST_START_SECONDS,
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 5,
                "jobTemplate": {"metadata": {"labels": labels}, "spec": _job(config, name, labels)},
            },
        },
    ]
    return yaml_of(documents, sort_keys=False)


def _job(config: DarkroomConfig, name: str, labels: dict[str, str]) -> dict[str, Any]:
    section = config.kubernetes
    wanted = section.of_step("Trainer")
    job: dict[str, Any] = {
        # Exit codes that say the same when it is tried again: bad input, and a model that the gate refused.
        "backoffLimit": wanted.retries,
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onExitCodes": {"containerName": "pipeline", "operator": "In", "values": [2, 3]},
                }
            ]
        },
        "template": {"metadata": {"labels": labels}, "spec": _pod(section, wanted, name)},
    }
    if wanted.timeout_minutes is not None:
        job["activeDeadlineSeconds"] = wanted.timeout_minutes * 60
    return job


def _pod(section: KubernetesSection, wanted: StepSection, name: str) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = [
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
        "containers": [_container(section, wanted)],
        "volumes": [
            *volumes,
            {"name": "configuration", "configMap": {"name": name}},
            {"name": "scratch", "emptyDir": {}},
        ],
    }
    if wanted.node_selector:
        pod["nodeSelector"] = dict(wanted.node_selector)
    if wanted.tolerations:
        pod["tolerations"] = [one.model_dump(exclude_none=True) for one in wanted.tolerations]
    if section.pull_secrets:
        pod["imagePullSecrets"] = [{"name": secret} for secret in section.pull_secrets]
    return pod


def _container(section: KubernetesSection, wanted: StepSection) -> dict[str, Any]:
    file = f"{section.folder.rstrip('/')}/{_FILE}"
    requests = {"cpu": wanted.cpu, "memory": wanted.memory}
    limits = {"memory": wanted.memory, **({"cpu": wanted.cpu_limit} if wanted.cpu_limit else {})}
    if wanted.gpus:
        limits[wanted.gpu_resource] = str(wanted.gpus)
    mounts = [{"name": f"claim-{number}", "mountPath": volume.path} for number, volume in enumerate(section.volumes)]
    return {
        "name": "pipeline",
        "image": section.image,
        "command": ["darkroom", "run", "--config", file, "--if-new"],
        "env": [
            {"name": "HOME", "value": "/tmp"},
            *({"name": key, "value": value} for key, value in section.environment.items()),
            *(
                {
                    "name": secret.variable,
                    "valueFrom": {"secretKeyRef": {"name": secret.secret, "key": secret.key, "optional": True}},
                }
                for secret in section.secrets
            ),
        ],
        "resources": {"requests": requests, "limits": limits},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            *mounts,
            {"name": "configuration", "mountPath": file, "subPath": _FILE, "readOnly": True},
            {"name": "scratch", "mountPath": "/tmp"},
        ],
    }
