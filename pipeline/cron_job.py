"""A schedule for clusters without Kubeflow: a Kubernetes CronJob that runs the whole pipeline in one pod."""

from __future__ import annotations

from typing import Any

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.kubernetes_section import KubernetesSection, StepSection
from pipeline.names import kebab_case
from pipeline.pods import PodCommand, pod_spec
from pipeline.triggers import Trigger
from pipeline.yaml_text import yaml_of

_FILE = "darkroom.yaml"
# A start that was missed by more than an hour waits for the next one.
_LATEST_START_SECONDS = 3600


def render_cron_job(
    config: DarkroomConfig, text: str, cron: str, namespace: str, trigger: Trigger = Trigger.SCHEDULE
) -> str:
    """A ConfigMap with the configuration, and the CronJob, as YAML.

    Args:
        config: whose `kubernetes` section says what the pod takes; the Trainer's share is the pod's.
        text: of the configuration.
        cron: five fields.
        namespace: where both go.
        trigger: what must be new for a run to train.
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
                "jobTemplate": {"metadata": {"labels": labels}, "spec": _job(config, name, labels, trigger)},
            },
        },
    ]
    return yaml_of(documents, sort_keys=False)


def _job(config: DarkroomConfig, name: str, labels: dict[str, str], trigger: Trigger) -> dict[str, Any]:
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
        "template": {"metadata": {"labels": labels}, "spec": _pod(section, wanted, name, trigger)},
    }
    if wanted.timeout_minutes is not None:
        job["activeDeadlineSeconds"] = wanted.timeout_minutes * 60
    return job


def _pod(section: KubernetesSection, wanted: StepSection, name: str, trigger: Trigger) -> dict[str, Any]:
    file = f"{section.folder.rstrip('/')}/{_FILE}"
    condition = "--if-new-span" if trigger is Trigger.SPAN else "--if-new"
    pod = pod_spec(section, wanted, PodCommand("pipeline", ("darkroom", "run", "--config", file, condition)))
    pod["volumes"].append({"name": "configuration", "configMap": {"name": name}})
    [container] = pod["containers"]
    mount = {"name": "configuration", "mountPath": file, "subPath": _FILE, "readOnly": True}
    container["volumeMounts"].append(mount)
    return pod
