"""TFJob of Kubeflow's training operator: https://www.kubeflow.org/docs/components/trainer/legacy-v1/user-guides/tensorflow"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from darkroom.configuration import DarkroomConfig
from pipeline.pods import PodCommand
from pipeline.training_job.kind import (
    JobState,
    Manifest,
    Resource,
    condition_is_true,
    needless_secrets,
    worker_template,
)
from pipeline.training_job.names import JobNames

# The operator takes the container and the port of these names for the training's.
_CONTAINER, _PORT = "tensorflow", "tfjob-port"

# For a job whose step was killed, and whose pod somebody keeps.
_KEPT_SECONDS = 3600


class TFJob:
    """The operator gives each pod its TF_CONFIG."""

    resources: tuple[Resource, ...] = (Resource("kubeflow.org", "v1", "tfjobs", "TFJob"),)
    index_label = "training.kubeflow.org/replica-index"

    def manifests(self, config: DarkroomConfig, names: JobNames, command: tuple[str, ...]) -> list[Manifest]:
        """The job."""
        section = config.kubeflow.training_job
        assert section is not None, "there is no job without its section"
        template = worker_template(config, names, PodCommand(_CONTAINER, command, hidden=needless_secrets(config)))
        # The operator takes that of the replicas, and warns of another.
        del template["spec"]["restartPolicy"]
        template["spec"]["containers"][0]["ports"] = [{"name": _PORT, "containerPort": section.port}]
        # A worker that came back alone would find nobody to train with: the others fail with the one that is gone.
        worker = {"replicas": section.workers, "restartPolicy": "Never", "template": template}
        spec = {
            "runPolicy": {
                # Those that wait for a dead one end with the job; the dead one keeps its log.
                "cleanPodPolicy": "Running",
                "ttlSecondsAfterFinished": _KEPT_SECONDS,
                "backoffLimit": 0,
            },
            "successPolicy": "AllWorkers",
            "tfReplicaSpecs": {"Worker": worker},
        }
        return [self.resources[0].manifest(names, spec)]

    def state(self, job: Mapping[str, Any]) -> JobState:
        """From the conditions of the operator's JobStatus."""
        if condition_is_true(job, "Failed"):
            return JobState.FAILED
        return JobState.SUCCEEDED if condition_is_true(job, "Succeeded") else JobState.RUNNING
