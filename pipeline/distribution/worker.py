"""One worker process: `python -m pipeline.distribution.worker JOB`, its place among the others in TF_CONFIG.

TensorFlow takes seconds to import. It is imported where it is first needed, so that the process that started this one
is watched and told of errors from the beginning.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from darkroom.errors import ConfigurationError, DarkroomError
from darkroom.heap import keeping_imports
from pipeline.artifact_files import read_text_if_there
from pipeline.distribution.job import WORKERS_HERE, Job
from pipeline.distribution.messages import MessageWriter
from pipeline.progress import reporting_to

# The environment variable with the number of the pipe that messages go to.
MESSAGES = "DARKROOM_WORKER_MESSAGES"

_ORPHANED = 70


def main(job_path: str) -> int:
    """Runs the job; the exit code."""
    job = _read(job_path)
    descriptor = os.environ.pop(MESSAGES, None)
    if descriptor is None:
        # Started by another than Darkroom, such as a Kubernetes job, which looks after its processes itself.
        _take_share(job)
        _function_of(job)(job.argument)
        return 0
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with os.fdopen(int(descriptor), "w", encoding="utf-8") as pipe:
        messages = MessageWriter(pipe)
        try:
            _take_share(job)
            with reporting_to(messages):
                _function_of(job)(job.argument)
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


def _read(job_path: str) -> Job:
    text = read_text_if_there(job_path)
    if text is None:
        raise ConfigurationError(f"{job_path}: there is no such file; it must be the job's, on a volume of all workers")
    try:
        return Job.model_validate_json(text)
    except ValidationError as error:
        [first, *_] = error.errors()
        where = ".".join(map(str, first["loc"]))
        raise ConfigurationError(f"{job_path} is no job: {where}{': ' if where else ''}{first['msg']}") from error


def _function_of(job: Job) -> Callable[[dict[str, Any]], None]:
    with keeping_imports():
        return job.load()


def _take_share(job: Job) -> None:
    os.environ[WORKERS_HERE] = str(job.workers_here)
    if job.threads or job.workers_here > 1:
        from pipeline.distribution.machine import take_share  # noqa: PLC0415 - see above

        take_share(job)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
