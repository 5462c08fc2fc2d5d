"""The workers of one training: where each of them listens, and which of them this process is."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from darkroom.configuration.distribution_section import DistributionSection
from darkroom.errors import ConfigurationError

TF_CONFIG = "TF_CONFIG"

# Jobs whose tasks train. Kubeflow's training operator writes `master` for what TensorFlow calls `chief`.
_TRAINING_JOBS = ("chief", "master", "worker")

_SHAPE = (
    'it shall look like {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}, as '
    "Kubeflow's training operator sets it"
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """All workers, and this process's place among them.

    Attributes:
        jobs: `host:port` of every task that trains, by job; `chief` first where there is one.
        job: this process's.
        index: this process's, within its job.
    """

    jobs: dict[str, tuple[str, ...]]
    job: str
    index: int

    @property
    def addresses(self) -> tuple[str, ...]:
        """`host:port` of every worker, the chief's first."""
        return tuple(address for addresses in self.jobs.values() for address in addresses)

    @property
    def size(self) -> int:
        """How many workers there are."""
        return len(self.addresses)

    @property
    def number(self) -> int:
        """This process's place among all workers, from 0."""
        return self.addresses.index(self.jobs[self.job][self.index])

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes."""
        return self.number == 0

    def to_tf_config(self) -> str:
        """The value of TF_CONFIG for this process."""
        return json.dumps(
            {
                "cluster": {job: list(addresses) for job, addresses in self.jobs.items()},
                "task": {"type": self.job, "index": self.index},
            }
        )


def cluster_from_environment(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """The cluster that TF_CONFIG describes; None when it is not set.

    Raises:
        ConfigurationError: TF_CONFIG is not what TensorFlow and Kubeflow mean by it, or this process is a task that
            does not train (a parameter server, an evaluator).
    """
    text = environment.get(TF_CONFIG, "")
    if not text.strip():
        return None
    try:
        document: Any = json.loads(text)
        found = {job: tuple(addresses) for job, addresses in document["cluster"].items()}
        job, index = str(document["task"]["type"]), int(document["task"]["index"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"TF_CONFIG cannot be read ({type(error).__name__}: {error}); {_SHAPE}") from error
    if job not in _TRAINING_JOBS:
        raise ConfigurationError(
            f"TF_CONFIG makes this process a {job!r}; strategy multi_worker has only {', '.join(_TRAINING_JOBS)}"
        )
    # In this order, so that a chief comes before the workers. TensorFlow has no `master` among collective jobs.
    jobs = {_renamed(name): found[name] for name in _TRAINING_JOBS if found.get(name)}
    job = _renamed(job)
    tasks = len(jobs.get(job, ()))
    if not 0 <= index < tasks:
        raise ConfigurationError(
            f"TF_CONFIG makes this process {job} {index}, but its cluster has {tasks} of these; {_SHAPE}"
        )
    return Cluster(jobs, job, index)


def clusters_to_start(section: DistributionSection) -> list[Cluster]:
    """The places in the cluster of the processes that this machine has to start; one where no cluster is asked for.

    Raises:
        ConfigurationError: `multi_worker`, and nothing says who the workers are.
    """
    if section.strategy != "multi_worker" or section.workers is not None:
        return local_clusters(section.workers or 1)
    cluster = cluster_from_environment()
    if cluster is None:
        raise ConfigurationError(
            "training.distribution.strategy is multi_worker, but neither training.distribution.workers says how many "
            "processes to start here nor does TF_CONFIG in the environment name the workers; in Kubeflow, "
            "kubeflow.training_job starts them"
        )
    return [cluster]


def local_clusters(workers: int) -> list[Cluster]:
    """A cluster of processes on this machine, as each of them sees it, on loopback ports that were just free."""
    with ExitStack() as held:
        # All are held until all are known, so that no two are the same.
        sockets = [held.enter_context(socket.socket()) for _ in range(workers)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        addresses = tuple(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)
    return [Cluster({"worker": addresses}, "worker", index) for index in range(workers)]


def _renamed(job: str) -> str:
    return "chief" if job == "master" else job
