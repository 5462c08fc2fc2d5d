"""Worker processes of one training: started, watched and ended together.

MultiWorkerMirroredStrategy must be made before TensorFlow first computes in a process, and a pipeline's process has
long computed when it comes to its Trainer. So workers are processes of their own, also where there is only one of them
on this machine. This process takes part in no collective, so none can hang it; when a worker dies, it ends the
others.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from darkroom.configuration.distribution_section import DistributionSection
from darkroom.errors import DarkroomError
from pipeline.distribution.cluster import TF_CONFIG, Cluster
from pipeline.distribution.job import Job
from pipeline.distribution.last_words import last_words
from pipeline.distribution.messages import deliver
from pipeline.distribution.worker import MESSAGES
from pipeline.progress import reporter

_POLL_SECONDS = 0.2

# One death makes the others fail soon after; which was the first is told from what they leave behind.
_SETTLE_SECONDS = 2.0

_TERMINATE_SECONDS = 5.0


class WorkerFailedError(DarkroomError):
    """A worker of a training died; the message says which, how, and what it last said."""


@dataclass(slots=True)
class _Worker:
    cluster: Cluster
    process: subprocess.Popen[bytes]
    log: Path
    error: DarkroomError | None = field(default=None)

    def describe_death(self) -> str:
        code = self.process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"worker {self.cluster.number} of {self.cluster.size} (process {self.process.pid}) {how}"


class WorkerProcesses:
    """A context: workers run while it is open, and none is left when it closes, however that comes about."""

    def __init__(self, job: Job, clusters: Sequence[Cluster]) -> None:
        """Takes what to run, and each worker's place in the cluster."""
        self._job = job
        self._clusters = clusters
        self._workers: list[_Worker] = []
        self._lines: queue.SimpleQueue[tuple[_Worker, str]] = queue.SimpleQueue()
        self._folder = Path()

    def __enter__(self) -> Self:
        """Starts them."""
        self._folder = Path(tempfile.mkdtemp(prefix="darkroom-workers-"))
        (self._folder / "job.json").write_text(self._job.model_dump_json(), encoding="utf-8")
        try:
            for cluster in self._clusters:
                self._workers.append(self._start(cluster))
        except BaseException:
            self._end_all()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends those that still run; their logs stay where one failed."""
        self._end_all()
        if not isinstance(error, WorkerFailedError):
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pids(self) -> tuple[int, ...]:
        """Their process ids, in the order of the clusters."""
        return tuple(worker.process.pid for worker in self._workers)

    def end(self) -> None:
        """Ends them, from another thread than the one that waits for them, which then sees them fail."""
        self._end_all()

    def wait(self) -> None:
        """Passes on what they tell until all have ended.

        Raises:
            DarkroomError: the one that ended a worker.
            WorkerFailedError: a worker died otherwise.
        """
        while any(worker.process.poll() is None for worker in self._workers):
            self._listen(_POLL_SECONDS)
            if any(worker.process.poll() for worker in self._workers):
                self._settle()
                break
        self._listen(0)
        self._raise_for_failures()

    def _start(self, cluster: Cluster) -> _Worker:
        reading, writing = os.pipe()
        log = self._folder / f"worker-{cluster.number}.log"
        environment = os.environ | {TF_CONFIG: cluster.to_tf_config(), MESSAGES: str(writing)}
        try:
            with log.open("wb") as output:
                process = subprocess.Popen(
                    (sys.executable, "-m", "pipeline.distribution.worker", str(self._folder / "job.json")),
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                    pass_fds=(writing,),
                    # Ctrl-C goes to this process alone, which then ends them in order.
                    start_new_session=True,
                )
        finally:
            os.close(writing)
        worker = _Worker(cluster, process, log)
        threading.Thread(target=self._read, args=(worker, reading), daemon=True).start()
        return worker

    def _read(self, worker: _Worker, descriptor: int) -> None:
        with os.fdopen(descriptor, encoding="utf-8") as messages:
            for line in messages:
                self._lines.put((worker, line))

    def _listen(self, seconds: float) -> None:
        """Passes on all that is there, after waiting for the first of it."""
        with contextlib.suppress(queue.Empty):
            while True:
                worker, line = self._lines.get(timeout=seconds) if seconds else self._lines.get_nowait()
                # All workers tell the same of the training; the chief is listened to.
                error = deliver(line, reporter() if worker.cluster.is_chief else _Silent())
                worker.error = worker.error or error

    def _settle(self) -> None:
        deadline = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < deadline and any(worker.process.poll() is None for worker in self._workers):
            self._listen(_POLL_SECONDS)

    def _raise_for_failures(self) -> None:
        failed = [worker for worker in self._workers if worker.process.poll()]
        if not failed:
            return
        for worker in failed:
            if worker.error is not None:
                raise worker.error
        # A worker that was killed is a cause; one that raised may only have missed it.
        cause = min(failed, key=lambda worker: worker.process.returncode > 0)
        log = cause.log.read_text(encoding="utf-8", errors="replace").splitlines()
        raise WorkerFailedError(
            f"{cause.describe_death()}, and training ended with it; the next run goes on from the last saved state. "
            f"The workers' logs are in {self._folder}. {last_words(log)}"
        )

    def _end_all(self) -> None:
        running = [worker.process for worker in self._workers if worker.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + _TERMINATE_SECONDS
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0))
            if process.poll() is None:
                process.kill()
                process.wait()
        for worker in self._workers:
            if worker.process.stdin is not None:
                worker.process.stdin.close()


class _Silent:
    def epoch(self, progress: object) -> None:
        """Nothing."""

    def step(self, text: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


def in_own_processes(section: DistributionSection) -> bool:
    """Whether a strategy must be made before TensorFlow first computes, and so not in a pipeline's process."""
    return section.strategy == "multi_worker" or section.virtual_devices is not None


def run_job(job: Job, clusters: Sequence[Cluster]) -> None:
    """Runs a job in worker processes until all have ended.

    Raises:
        DarkroomError: the one that ended a worker.
        WorkerFailedError: a worker died otherwise.
    """
    with WorkerProcesses(job, clusters) as workers:
        workers.wait()
