"""`darkroom worker`: what a pod of a training job runs."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Any

import click

# As a shell says that SIGTERM ended a process.
_TERMINATED = 128 + signal.SIGTERM


@click.command("worker")
@click.argument("job")
def command(job: str) -> None:
    """Run one worker of a training that several pods share.

    JOB is the file that says what is trained. Which of the workers this one is stands in TF_CONFIG, or in
    DARKROOM_WORKER_ADDRESSES and JOB_COMPLETION_INDEX.

    Exit codes: 0 done, 2 bad configuration or data, 4 training paused, 1 failure, 143 ended by SIGTERM.
    """
    # The first process of a container: Linux spares it signals that nobody handles.
    signal.signal(signal.SIGTERM, _end)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s: %(message)s", force=True)
    from pipeline.distribution.cluster import TF_CONFIG  # noqa: PLC0415
    from pipeline.distribution.indexed_job import tf_config_of  # noqa: PLC0415
    from pipeline.distribution.worker import main  # noqa: PLC0415

    value = tf_config_of(os.environ)
    if value is not None:
        os.environ[TF_CONFIG] = value
    sys.exit(main(job))


def _end(number: int, frame: Any) -> None:
    os._exit(_TERMINATED)
