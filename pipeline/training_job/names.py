"""What a training's job is called, and how its pods are found; the same in each try of a step."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError
from pipeline.names import kebab_case

# Variables of the Trainer's step, which Kubernetes fills with facts of its pod.
POD_NAME, POD_UID, POD_NAMESPACE = "DARKROOM_POD_NAME", "DARKROOM_POD_UID", "DARKROOM_POD_NAMESPACE"

# Hosts are called after the job: `<name>-worker-63` (TFJob) and `<name>-node-0-63` (JobSet) are labels of DNS, 63 long.
_LONGEST_MODEL = 32
_HASH_LETTERS = 10


@dataclass(frozen=True, slots=True)
class JobNames:
    """A job's names.

    Attributes:
        name: of the job; a label of DNS that begins with a letter.
        namespace: of the job.
        owner: name and UID of the step's pod, with which the job goes away; None outside of pods.
    """

    name: str
    namespace: str
    owner: tuple[str, str] | None

    @classmethod
    def of_run(cls, config: DarkroomConfig, run_id: str, environment: Mapping[str, str] = os.environ) -> JobNames:
        """Those of a run's training.

        Raises:
            ConfigurationError: nothing says in which namespace.
        """
        namespace = environment.get(POD_NAMESPACE) or config.kubeflow.namespace
        if not namespace:
            raise ConfigurationError(
                f"kubeflow.training_job: neither {POD_NAMESPACE} in the environment, which darkroom compile has "
                "Kubernetes set, nor kubeflow.namespace says where the job goes"
            )
        model = kebab_case(config.pipeline_name)[:_LONGEST_MODEL].rstrip("-")
        run = hashlib.sha256(run_id.encode()).hexdigest()[:_HASH_LETTERS]
        pod, uid = environment.get(POD_NAME), environment.get(POD_UID)
        return cls(f"train-{model}-{run}", namespace, (pod, uid) if pod and uid else None)

    @property
    def labels(self) -> dict[str, str]:
        """Those of the job and of its pods; no other pods have them all."""
        return {
            "app.kubernetes.io/name": "darkroom",
            "app.kubernetes.io/component": "training",
            "app.kubernetes.io/instance": self.name,
        }

    @property
    def selector(self) -> str:
        """The labels, as a query takes them."""
        return ",".join(f"{key}={value}" for key, value in self.labels.items())

    @property
    def owners(self) -> list[dict[str, str]]:
        """The job's `ownerReferences`."""
        if self.owner is None:
            return []
        pod, uid = self.owner
        return [{"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": uid}]
