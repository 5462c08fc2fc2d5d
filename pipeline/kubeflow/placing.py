"""Where and with what a step runs: the container's resources, and what only Kubernetes knows of."""

from __future__ import annotations

from kfp import kubernetes
from kfp.dsl import PipelineTask

from darkroom.configuration.kubernetes_section import KubernetesSection
from pipeline.training_job.names import POD_NAME, POD_NAMESPACE, POD_UID

# Every pod of a run carries this label. Not all versions of Kubeflow fill its own placeholder in everywhere.
RUN_ID_VARIABLE = "DARKROOM_RUN_ID"
_RUN_ID_LABEL = "metadata.labels['pipeline/runid']"

# A training's job belongs to the pod of the step that made it.
_POD_FIELDS = {POD_NAME: "metadata.name", POD_UID: "metadata.uid", POD_NAMESPACE: "metadata.namespace"}

_LONGEST_PAUSE = "3600s"


def place(task: PipelineTask, step: str, section: KubernetesSection) -> None:
    """Gives a step's task what the configuration says."""
    wanted = section.of_step(step)
    task.set_cpu_request(wanted.cpu)
    if wanted.cpu_limit is not None:
        task.set_cpu_limit(wanted.cpu_limit)
    task.set_memory_request(wanted.memory).set_memory_limit(wanted.memory)
    if wanted.gpus:
        task.set_accelerator_type(wanted.gpu_resource).set_accelerator_limit(wanted.gpus)
    if wanted.retries:
        task.set_retry(wanted.retries, f"{wanted.retry_seconds}s", 2.0, _LONGEST_PAUSE)
    for name, value in section.environment.items():
        task.set_env_variable(name, value)
    kubernetes.use_field_path_as_env(task, RUN_ID_VARIABLE, _RUN_ID_LABEL)
    for volume in section.volumes:
        kubernetes.mount_pvc(task, volume.claim, volume.path)
    for secret in section.secrets:
        kubernetes.use_secret_as_env(task, secret.secret, {secret.key: secret.variable})
    if section.pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(section.pull_secrets))
    for label, value in wanted.node_selector.items():
        kubernetes.add_node_selector(task, label, value)
    for toleration in wanted.tolerations:
        kubernetes.add_toleration(task, toleration.key, toleration.operator, toleration.value, toleration.effect)
    if wanted.timeout_minutes is not None:
        kubernetes.set_timeout(task, wanted.timeout_minutes * 60)


def tell_of_pod(task: PipelineTask) -> None:
    """Has Kubernetes tell a step which pod it is."""
    for variable, field in _POD_FIELDS.items():
        kubernetes.use_field_path_as_env(task, variable, field)
