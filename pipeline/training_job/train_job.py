"""TrainJob of Kubeflow Trainer 2: https://www.kubeflow.org/docs/components/trainer

Its runtime is made with it, and holds the pods' template: a JobSet with one Indexed Job. What a TrainJob itself says of
pods was called otherwise in each release (podSpecOverrides, podTemplateOverrides, runtimePatches); the runtime stayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from darkroom.configuration import DarkroomConfig
from pipeline.distribution.indexed_job import ADDRESSES
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

_GROUP, _VERSION = "trainer.kubeflow.org", "v1alpha1"
# Kubeflow Trainer takes the Job with this label, and the container of this name, for the training's.
_STEP_LABEL, _STEP, _NODE = "trainer.kubeflow.org/trainjob-ancestor-step", "trainer", "node"


class TrainJob:
    """No runtime of Kubeflow Trainer's sets TF_CONFIG; workers make it of addresses that are known before."""

    resources: tuple[Resource, ...] = (
        Resource(_GROUP, _VERSION, "trainingruntimes", "TrainingRuntime"),
        Resource(_GROUP, _VERSION, "trainjobs", "TrainJob"),
    )
    index_label = "batch.kubernetes.io/job-completion-index"

    def manifests(self, config: DarkroomConfig, names: JobNames, command: tuple[str, ...]) -> list[Manifest]:
        """The runtime, and the job that refers to it."""
        section = config.kubeflow.training_job
        assert section is not None, "there is no job without its section"
        # JobSet's names of pods, in the headless Service that it makes under its own name.
        hosts = (f"{names.name}-{_NODE}-0-{index}.{names.name}" for index in range(section.workers))
        addresses = {"name": ADDRESSES, "value": ",".join(f"{host}:{section.port}" for host in hosts)}
        wanted = PodCommand(_NODE, command, environment=(addresses,), hidden=needless_secrets(config))
        job = {
            "backoffLimit": 0,
            "completionMode": "Indexed",
            "completions": section.workers,
            "parallelism": section.workers,
            "template": worker_template(config, names, wanted),
        }
        job_set = {
            "failurePolicy": {"maxRestarts": 0},
            "replicatedJobs": [
                {"name": _NODE, "replicas": 1, "template": {"metadata": {"labels": {_STEP_LABEL: _STEP}}, "spec": job}}
            ],
        }
        runtime, train_job = self.resources
        return [
            runtime.manifest(names, {"mlPolicy": {"numNodes": section.workers}, "template": {"spec": job_set}}),
            train_job.manifest(
                names,
                {
                    "runtimeRef": {"apiGroup": _GROUP, "kind": runtime.kind, "name": names.name},
                    "trainer": {"numNodes": section.workers},
                },
            ),
        ]

    def state(self, job: Mapping[str, Any]) -> JobState:
        """From the conditions of TrainJobStatus."""
        if condition_is_true(job, "Failed"):
            return JobState.FAILED
        return JobState.SUCCEEDED if condition_is_true(job, "Complete") else JobState.RUNNING
