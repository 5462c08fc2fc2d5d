"""The objects of a training's job in the cluster: made, made again, found, taken away."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError, DarkroomError
from pipeline.training_job.cluster_api import AlreadyThereError, ClusterApi
from pipeline.training_job.kind import JobKind, JobState, Manifest
from pipeline.training_job.names import JobNames
from pipeline.training_job.tf_job import TFJob
from pipeline.training_job.train_job import TrainJob
from pipeline.training_job.worker_pod import WorkerPod

_log = logging.getLogger(__name__)

_KINDS: dict[str, type[TFJob] | type[TrainJob]] = {"TFJob": TFJob, "TrainJob": TrainJob}

# An annotation with a hash of what the job is to do.
_DIGEST = "darkroom/digest"

# A kubelet that is cut off keeps its pods until somebody removes the node.
_REMOVAL_SECONDS = 600.0


class ClusterJob:
    """The job of one run's training."""

    def __init__(self, config: DarkroomConfig, run_id: str, api: ClusterApi | None, poll_seconds: float) -> None:
        """Takes whose job it is.

        Args:
            config: with `kubeflow.training_job`.
            run_id: of the run.
            api: of the cluster; None connects to that of this pod.
            poll_seconds: between two looks at what is being taken away.

        Raises:
            DarkroomError: there is no cluster, or nothing says which namespace.
        """
        section = config.kubeflow.training_job
        if section is None:
            raise ConfigurationError("kubeflow.training_job is missing")
        self._config, self._poll, self.workers = config, poll_seconds, section.workers
        self._kind: JobKind = _KINDS[section.kind]()
        self._names = JobNames.of_run(config, run_id)
        self._resource = self._kind.resources[-1]
        self.api = api or ClusterApi.connect(self._names.namespace)

    def __str__(self) -> str:
        return f"{self._resource.kind} {self._names.name}"

    def manifests(self, command: tuple[str, ...], subject: str) -> list[Manifest]:
        """What is to be made.

        Args:
            command: each worker's.
            subject: what the command does; one that does something else is another job.
        """
        manifests = self._kind.manifests(self._config, self._names, command)
        for manifest in manifests:
            # Not whose it is, which changes with each try of the step.
            signed = json.dumps([manifest["spec"], subject], sort_keys=True)
            manifest["metadata"]["annotations"] = {_DIGEST: hashlib.sha256(signed.encode()).hexdigest()}
        return manifests

    def start(self, manifests: list[Manifest]) -> None:
        """Makes the job, or takes over the one that an earlier try of the step has left."""
        found = self.api.get(self._resource, self._names.name)
        if found is not None and self._goes_on(found, manifests[-1]):
            _log.info("An earlier try of this step left the %s, which goes on.", self)
            for one in self._kind.resources:
                self.api.give_to(one, self._names.name, self._names.owners)
            return
        if found is not None:
            _log.info("An earlier try of this step left the %s, which is replaced.", self)
        self.clear()
        self.make(manifests)

    def make(self, manifests: list[Manifest]) -> None:
        """Makes the job, where none is."""
        for resource, manifest in zip(self._kind.resources, manifests, strict=True):
            try:
                self.api.create(resource, manifest)
            except AlreadyThereError:
                # A question that was asked twice, as its answer was lost: what is there is this very one.
                found = self.api.get(resource, self._names.name)
                if found is None or not _do_the_same(found, manifest):
                    raise
        _log.info("%s: %d workers", self, self.workers)

    def clear(self) -> None:
        """Takes the job away, and waits until no worker is left: two chiefs at once would write over one another.

        Raises:
            DarkroomError: what is there does not go away.
        """
        self.remove()
        deadline = time.monotonic() + _REMOVAL_SECONDS
        while left := self._left():
            if time.monotonic() > deadline:
                raise DarkroomError(
                    f"{left} are still there {_REMOVAL_SECONDS:.0f} s after their job was deleted. Look at their "
                    "nodes, and run the step again"
                )
            time.sleep(self._poll)

    def remove(self) -> bool:
        """Begins to take the job away, if it is there; returns whether it was."""
        there = [self.api.delete(resource, self._names.name) for resource in reversed(self._kind.resources)]
        return there[0]

    def state(self) -> JobState | None:
        """How far it is; None where it is gone."""
        found = self.api.get(self._resource, self._names.name)
        return None if found is None else self._kind.state(found)

    def pods(self) -> list[WorkerPod]:
        """Its workers, in their order."""
        found = (WorkerPod.read(pod, self._kind.index_label) for pod in self.api.pods(self._names.selector))
        return sorted(found, key=lambda pod: (pod.worker is None, pod.worker or 0, pod.name))

    def told_by_operator(self) -> str:
        """What its status says, for people."""
        found = self.api.get(self._resource, self._names.name) or {}
        conditions = (found.get("status") or {}).get("conditions") or []
        return "; ".join(one["message"] for one in conditions if one.get("message")) or "it does not say why"

    def _goes_on(self, found: Mapping[str, Any], wanted: Manifest) -> bool:
        is_there = "deletionTimestamp" not in found["metadata"]
        return is_there and _do_the_same(found, wanted) and self._kind.state(found) is not JobState.FAILED

    def _left(self) -> str:
        objects = [one.kind for one in self._kind.resources if self.api.get(one, self._names.name) is not None]
        return ", ".join([*objects, *(pod.name for pod in self.pods())])


def _do_the_same(found: Mapping[str, Any], wanted: Manifest) -> bool:
    annotations = found["metadata"].get("annotations") or {}
    return bool(annotations.get(_DIGEST) == wanted["metadata"]["annotations"][_DIGEST])
