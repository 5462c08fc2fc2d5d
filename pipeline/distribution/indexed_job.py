"""TF_CONFIG for the pods of an Indexed Job, such as Kubeflow Trainer's, which sets it for no TensorFlow.

Kubernetes gives each of them its number (https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode),
and whoever made the job knows by which names they find one another.
"""

from __future__ import annotations

from collections.abc import Mapping

from darkroom.errors import ConfigurationError
from pipeline.distribution.cluster import TF_CONFIG, Cluster

# `host:port` of each worker, the chief's first, with commas between.
ADDRESSES = "DARKROOM_WORKER_ADDRESSES"
# Kubernetes' own.
INDEX = "JOB_COMPLETION_INDEX"


def tf_config_of(environment: Mapping[str, str]) -> str | None:
    """The value of TF_CONFIG for the process with this environment.

    Returns:
        None where it has one already, or nothing says who the workers are.

    Raises:
        ConfigurationError: the number is missing, or there is no such worker.
    """
    addresses = tuple(filter(None, environment.get(ADDRESSES, "").split(",")))
    if environment.get(TF_CONFIG, "").strip() or not addresses:
        return None
    text = environment.get(INDEX, "")
    if not text.isdecimal() or int(text) >= len(addresses):
        raise ConfigurationError(
            f"{INDEX} is {text!r}, but {ADDRESSES} names {len(addresses)} workers: it must be this one's number, from "
            "0. Kubernetes sets it in the pods of a Job with completionMode Indexed"
        )
    return Cluster({"worker": addresses}, "worker", int(text)).to_tf_config()
