"""One worker process: `python -m pipeline.distribution.worker JOB`, its place among the others in TF_CONFIG."""

from __future__ import annotations

import os
import sys
import threading

import tensorflow as tf

from darkroom.errors import DarkroomError
from pipeline.distribution.cluster import cluster_from_environment
from pipeline.distribution.job import WORKERS_HERE, Job
from pipeline.distribution.messages import MessageWriter
from pipeline.progress import reporting_to

# The environment variable with the number of the pipe that messages go to.
MESSAGES = "DARKROOM_WORKER_MESSAGES"

_ORPHANED = 70


def main(job_path: str) -> int:
    """Runs the job; the exit code."""
    with tf.io.gfile.GFile(job_path) as file:
        job = Job.model_validate_json(file.read())
    descriptor = os.environ.pop(MESSAGES, None)
    if descriptor is None:
        # Started by another than Darkroom, such as a Kubernetes job, which looks after its processes itself.
        _share_machine(job)
        job.load()(job.argument)
        return 0
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with os.fdopen(int(descriptor), "w", encoding="utf-8") as pipe:
        messages = MessageWriter(pipe)
        try:
            _share_machine(job)
            with reporting_to(messages):
                job.load()(job.argument)
        except DarkroomError as error:
            messages.failure(error)
            return 1
    return 0


def _end_with_parent() -> None:
    """Ends this process when the one that started it is gone, which closes standard input however it ended."""
    # Of the descriptor: Python's own buffer is locked while a thread reads it, and that would hold up the exit.
    while os.read(0, 1):
        pass
    os._exit(_ORPHANED)


def _share_machine(job: Job) -> None:
    os.environ[WORKERS_HERE] = str(job.workers_here)
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
