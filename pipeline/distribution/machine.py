"""The cores and GPUs of one machine, shared out among the processes that compute on it."""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf

from darkroom.configuration.distribution_section import DistributionSection
from pipeline.distribution.cluster import cluster_from_environment
from pipeline.distribution.job import Job


def job_for(function: str, argument: dict[str, Any], section: DistributionSection) -> Job:
    """The job of `workers` processes on this machine, which share its cores where it has no GPUs."""
    here = section.workers or 1
    return Job(function=function, argument=argument, threads=threads_for(here), workers_here=here)


def threads_for(processes: int) -> int:
    """Cores for each of so many processes that compute on this machine; 0 where TensorFlow may take them all."""
    cores = os.cpu_count() or 1
    on_cpu = not tf.config.list_physical_devices("GPU")
    return max(cores // processes, 1) if on_cpu and processes > 1 else 0


def take_share(job: Job) -> None:
    """Confines this process, which is to run `job`, to its part of the machine; before TensorFlow first computes."""
    if job.threads:
        tf.config.threading.set_intra_op_parallelism_threads(job.threads)
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus or job.workers_here == 1:
        return
    cluster = cluster_from_environment()
    if job.place_here is not None:
        # Processes that know nothing of each other may share a GPU where there are too few.
        own = gpus[job.place_here :: job.workers_here] or [gpus[job.place_here % len(gpus)]]
        for gpu in own:
            tf.config.experimental.set_memory_growth(gpu, enable=True)
        tf.config.set_visible_devices(own, "GPU")
    elif cluster is not None:
        tf.config.set_visible_devices(gpus[cluster.number :: job.workers_here], "GPU")
