"""Whether a worker was taken away while the others trained."""

from __future__ import annotations

from pipeline.training_job.worker_pod import WorkerPod


class Disruptions:
    """Looks at the workers of one start, again and again."""

    def __init__(self) -> None:
        self._seen: dict[str, WorkerPod] = {}

    def find(self, pods: list[WorkerPod]) -> WorkerPod | None:
        """A worker that was, or is being, taken away while the job runs; None where all are as they should be.

        A pod that is missing was deleted. The operator makes another in its place, which finds nobody to train with.
        """
        here = {pod.uid for pod in pods}
        gone = next((pod for uid, pod in self._seen.items() if uid not in here and pod.phase != "Succeeded"), None)
        self._seen.update((pod.uid, pod) for pod in pods)
        if any(pod.has_failed_itself for pod in pods):
            # The operator ends the others then; the job's own state follows.
            return None
        return gone or next((pod for pod in pods if pod.is_disrupted or (pod.is_going and not pod.has_ended)), None)


def cause_of(pods: list[WorkerPod]) -> WorkerPod | None:
    """Of the workers of a job that failed the one that failed first; None where none did.

    When one fails the others are ended, or miss it and fail as well.
    """
    failed = [pod for pod in pods if pod.phase == "Failed"]
    # Those that are being deleted have been ended for another's sake. Times have whole seconds.
    return min(
        failed,
        key=lambda pod: (pod.is_going and not pod.is_disrupted, pod.ended or "9", not pod.is_disrupted),
        default=None,
    )
