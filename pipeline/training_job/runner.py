"""A training's workers in the cluster, from their start to the end of the last: the launcher of the Trainer's step."""

from __future__ import annotations

import logging
import time

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError, DarkroomError, DataError, TrainingPausedError
from pipeline.container_steps.step_files import write_step_file
from pipeline.distribution.job import Job
from pipeline.distribution.last_words import last_words
from pipeline.distribution.processes import WorkerFailedError
from pipeline.training_job.cluster_api import ClusterApi
from pipeline.training_job.cluster_job import ClusterJob
from pipeline.training_job.disruptions import Disruptions, cause_of
from pipeline.training_job.kind import JobState
from pipeline.training_job.pod_logs import PodLogs
from pipeline.training_job.termination import sigterm_raises
from pipeline.training_job.worker_pod import WorkerPod

_log = logging.getLogger(__name__)

_JOB_FILE = "training-job"

POLL_SECONDS = 2.0
# What a follower may need for the rest of a log.
_LOG_SECONDS = 10.0

# Of a worker that ends with an error for people, on its last lines.
_ERROR_MARK = "darkroom: "
_ERRORS: dict[int | None, type[DarkroomError]] = {
    DataError.exit_code: DataError,
    TrainingPausedError.exit_code: TrainingPausedError,
}


class TrainingJob:
    """Runs a job's workers in the cluster, and starts them again when one is taken away."""

    def __init__(
        self, config: DarkroomConfig, run_id: str, api: ClusterApi | None = None, poll_seconds: float = POLL_SECONDS
    ) -> None:
        """Takes what the job looks like.

        Args:
            config: with `kubeflow.training_job`.
            run_id: of the run.
            api: of the cluster; None connects to that of this pod.
            poll_seconds: between two looks at the job.

        Raises:
            DarkroomError: there is no cluster, or nothing says which namespace.
        """
        if config.kubeflow.training_job is None:
            raise ConfigurationError("kubeflow.training_job is missing")
        self._config, self._run_id, self._section = config, run_id, config.kubeflow.training_job
        self._job = ClusterJob(config, run_id, api, poll_seconds)
        self._logs, self._poll = PodLogs(self._job.api), poll_seconds

    def run(self, job: Job) -> None:
        """Runs the workers until all have ended, and leaves nothing behind.

        They are started again, all of them, when one was taken away; those that an earlier try of this step has left
        are gone on with when they do the same.

        Raises:
            DataError, TrainingPausedError: a worker's own.
            WorkerFailedError: a worker failed otherwise, or was taken away too often.
            DarkroomError: the cluster refuses.
        """
        text = job.model_dump_json() + "\n"
        file = write_step_file(self._config, self._run_id, _JOB_FILE, text)
        manifests = self._job.manifests(("darkroom", "worker", file), text)
        with sigterm_raises():
            try:
                self._job.start(manifests)
                restarts = 0
                while (lost := self._follow()) is not None:
                    if restarts == self._section.restarts:
                        raise self._taken_too_often(lost)
                    restarts += 1
                    _log.warning("%s. All workers are started again from the last saved state.", self._taken(lost))
                    self._job.clear()
                    self._logs.finish(_LOG_SECONDS)
                    self._job.make(manifests)
            finally:
                self._remove()

    def _remove(self) -> None:
        try:
            self._job.remove()
        except DarkroomError:
            # What came of the training counts. The last step tries again, and the job goes with this step's pod.
            _log.exception("The %s could not be removed", self._job)

    def _follow(self) -> WorkerPod | None:
        """Waits for the end of one start.

        Returns:
            The worker that was taken away; None where all have done their work.
        """
        disruptions, told, pending_since = Disruptions(), dict[str, str](), time.monotonic()
        while True:
            # Before the pods: an operator ends the others when one has failed.
            state = self._job.state()
            pods = self._job.pods()
            self._logs.follow(pods)
            if state is JobState.SUCCEEDED:
                self._logs.finish(_LOG_SECONDS)
                return None
            if state is JobState.FAILED:
                return self._taken_or_raise(pods)
            if state is None:
                raise WorkerFailedError(
                    f"The {self._job} is gone: somebody deleted it while it ran. The next run goes on from the last "
                    "saved state"
                )
            lost = disruptions.find(pods)
            if lost is not None:
                return lost
            _tell_of_waiting(pods, told)
            if len(pods) == self._job.workers and all(pod.has_started for pod in pods):
                pending_since = time.monotonic()
            self._wait_no_longer_than_allowed(pods, time.monotonic() - pending_since)
            time.sleep(self._poll)

    def _taken_or_raise(self, pods: list[WorkerPod]) -> WorkerPod | None:
        """Of a job that failed: the worker that was taken away, or what another one said."""
        self._logs.finish(_LOG_SECONDS)
        cause = cause_of(pods)
        if cause is None:
            raise WorkerFailedError(f"The {self._job} failed, and none of its workers: {self._job.told_by_operator()}")
        if cause.is_disrupted:
            return cause
        said = self._logs.said(cause)
        marks = [place for place, line in enumerate(said) if line.startswith(_ERROR_MARK)]
        if cause.exit_code in _ERRORS and marks:
            raise _ERRORS[cause.exit_code]("\n".join(said[marks[-1] :]).removeprefix(_ERROR_MARK))
        raise WorkerFailedError(
            f"{cause.describe_end(self._job.workers)}, and training ended with it; the next run goes on from the last "
            f"saved state. {last_words(said)}"
        )

    def _taken(self, lost: WorkerPod) -> str:
        return f"{lost.describe_end(self._job.workers)}: it was taken away, by its node or by somebody"

    def _taken_too_often(self, lost: WorkerPod) -> WorkerFailedError:
        return WorkerFailedError(
            f"{self._taken(lost)}, and the workers were started again as often as kubeflow.training_job.restarts "
            f"({self._section.restarts}) allows. The next run goes on from the last saved state. "
            f"{last_words(self._logs.said(lost))}"
        )

    def _wait_no_longer_than_allowed(self, pods: list[WorkerPod], seconds: float) -> None:
        limit = self._section.pending_minutes
        if limit is not None and seconds > limit * 60:
            reasons = sorted({pod.waits_for for pod in pods if pod.waits_for}) or ["the operator made no pods"]
            raise DarkroomError(
                f"The workers did not all start within {limit} minutes (kubeflow.training_job.pending_minutes): "
                + "; ".join(reasons)
            )


def _tell_of_waiting(pods: list[WorkerPod], told: dict[str, str]) -> None:
    for pod in pods:
        if pod.waits_for and told.get(pod.uid) != pod.waits_for:
            told[pod.uid] = pod.waits_for
            _log.info("worker %s waits: %s", pod.worker, pod.waits_for)
