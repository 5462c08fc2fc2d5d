"""The workers' logs, followed into this process's while they grow."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque

import urllib3.exceptions
from kubernetes.client.exceptions import ApiException

from pipeline.distribution.last_words import LOG_LINES, is_news
from pipeline.training_job.cluster_api import ClusterApi
from pipeline.training_job.worker_pod import WorkerPod

_log = logging.getLogger("darkroom.worker")

# Before a log that broke off is asked for again.
_PAUSE_SECONDS = 1.0
# What is asked for again of what was there, as clocks differ.
_OVERLAP_SECONDS = 30


class PodLogs:
    """A thread for each pod."""

    def __init__(self, api: ClusterApi) -> None:
        """Takes where the logs are."""
        self._api = api
        self._followers: dict[str, _Follower] = {}

    def follow(self, pods: list[WorkerPod]) -> None:
        """Begins with those that have a log, and lets go of those that ended."""
        for pod in pods:
            follower = self._followers.get(pod.uid)
            if follower is None and pod.has_started:
                follower = self._followers[pod.uid] = _Follower(self._api, pod)
                follower.start()
            if follower is not None and pod.has_ended:
                follower.ended.set()

    def said(self, pod: WorkerPod) -> list[str]:
        """The last lines of a pod."""
        follower = self._followers.get(pod.uid)
        return list(follower.lines) if follower is not None and follower.lines else pod.last_words.splitlines()

    def finish(self, seconds: float) -> None:
        """Waits until all has been read of logs that grow no more; those that are not heard of are let go."""
        deadline = time.monotonic() + seconds
        for follower in self._followers.values():
            follower.ended.set()
        for follower in self._followers.values():
            follower.join(max(deadline - time.monotonic(), 0.0))


class _Follower(threading.Thread):
    def __init__(self, api: ClusterApi, pod: WorkerPod) -> None:
        super().__init__(daemon=True, name=f"log of {pod.name}")
        self._api, self._pod = api, pod
        self.lines: deque[str] = deque(maxlen=LOG_LINES)
        self.ended = threading.Event()
        self._last, self._heard = "", time.monotonic()

    def run(self) -> None:
        while True:
            # Before the question: a log that had ended by then is complete in the answer.
            is_whole = self.ended.is_set()
            try:
                self._read()
            except (ApiException, urllib3.exceptions.HTTPError, OSError) as error:
                # A pod may be gone with its log; whether that is bad, the pod's end says.
                _log.debug("The log of %s broke off: %s", self._pod.name, error)
            if is_whole:
                return
            self.ended.wait(_PAUSE_SECONDS)

    def _read(self) -> None:
        known = self._last
        since = int(time.monotonic() - self._heard) + _OVERLAP_SECONDS if known else None
        for line in self._api.log_lines(self._pod.name, self._pod.container, since):
            stamp, _, text = line.partition(" ")
            self._heard = time.monotonic()
            # Times are written with nine digits, and compare as text.
            if stamp <= known:
                continue
            self._last = stamp
            if not is_news(text):
                self.lines.append(text)
            _log.info("[worker %s] %s", self._pod.worker, text)
