"""Where trials run: in this process, or in processes beside it."""

from __future__ import annotations

from typing import Any

from darkroom.configuration.distribution_section import DistributionSection
from pipeline.distribution.cluster import local_clusters
from pipeline.distribution.job import Job
from pipeline.distribution.machine import threads_for
from pipeline.distribution.processes import WorkerProcesses, in_own_processes


class TrialRunner:
    """Runs one function call at each place; of several places, each has a share of the machine."""

    def __init__(self, places: int, distribution: DistributionSection) -> None:
        """Takes how many places there are, and what each trial's strategy needs."""
        self._places = places
        self._in_processes = places > 1 or in_own_processes(distribution)
        self._running: dict[int, WorkerProcesses] = {}
        self._ended = False

    def run(self, function: str, argument: dict[str, Any], place: int) -> None:
        """Calls a function, and returns when it has ended.

        Args:
            function: its import path.
            argument: JSON.
            place: from 0.

        Raises:
            DarkroomError: the function's own, or its process died.
        """
        job = Job(
            function=function,
            argument=argument,
            threads=threads_for(self._places),
            workers_here=self._places,
            place_here=place,
        )
        if not self._in_processes:
            job.load()(argument)
            return
        with WorkerProcesses(job, local_clusters(1)) as workers:
            self._running[place] = workers
            try:
                if self._ended:
                    workers.end()
                workers.wait()
            finally:
                del self._running[place]

    def end_all(self) -> None:
        """Ends the processes that run, from another thread; the calls that wait for them raise."""
        self._ended = True
        for workers in list(self._running.values()):
            workers.end()
