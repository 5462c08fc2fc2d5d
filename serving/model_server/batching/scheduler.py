"""Queues of batches, and the threads that run them."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from serving.errors import Code, ServingError
from serving.model_server.batching.batch import Batch, BatchKey, Task
from serving.model_server.batching.settings import BatchingSettings

_log = logging.getLogger(__name__)

_MICROSECOND = 1e-6


class BatchScheduler:
    """Shares its threads among all queues, one batch of each in turn, as TF Serving's SharedBatchScheduler does."""

    def __init__(self, settings: BatchingSettings) -> None:
        """Nothing runs before `start`."""
        self.settings = settings
        lock = threading.Lock()
        self.changed = threading.Condition(lock)  # there is something to run
        self._idle = threading.Condition(lock)  # a queue has nothing left
        self._queues: list[BatchQueue] = []
        self._closed = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to run batches."""
        # Daemons: a model that never returns must not keep the process from ending.
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-{number}", daemon=True)
            for number in range(self.settings.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Run what is queued, then end the threads. Does not wait."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()

    def add_queue(self, process: Callable[[Batch], None]) -> BatchQueue:
        """A queue whose batches go to `process`, in any of the threads."""
        queue = BatchQueue(self, process)
        with self.changed:
            self._queues.append(queue)
        return queue

    def remove_queue(self, queue: BatchQueue) -> None:
        """Forget a queue to which nothing is added any more; waits until its last batch has run."""
        with self._idle:
            self._idle.wait_for(lambda: queue.idle)
            self._queues.remove(queue)

    def _work(self) -> None:
        while True:
            with self.changed:
                while True:
                    queue, batch, wait = self._next()
                    if queue is not None and batch is not None:
                        break
                    if self._closed and wait is None:
                        return
                    self.changed.wait(wait)
            try:
                queue.process(batch)
            except Exception as error:  # noqa: BLE001 - the thread must live, and nobody may wait for ever
                _log.exception("A batch failed unexpectedly")
                for task in batch.tasks:
                    if not task.outputs.done():
                        task.outputs.set_exception(error)
            with self._idle:
                queue.done(batch)
                if queue.idle:
                    self._idle.notify_all()

    def _next(self) -> tuple[BatchQueue | None, Batch | None, float | None]:
        """A batch that may run now; or the seconds until one may, None when nothing is queued."""
        now = time.monotonic()
        wait: float | None = None
        for index, queue in enumerate(self._queues):
            batch, due_in = queue.take(now, at_once=self._closed)
            if batch is not None:
                # To the end of the line, so that a busy queue does not keep others from their turn.
                self._queues.append(self._queues.pop(index))
                return queue, batch, None
            if due_in is not None:
                wait = due_in if wait is None else min(wait, due_in)
        return None, None, wait


class BatchQueue:
    """The batches of one signature that wait for a thread.

    A batch waits for its time to be up, as in TF Serving, but no longer than until all clients can be in it: as many
    requests as waited when the last batch was done, and as many as that one had. A single client never waits after its
    first request.
    """

    def __init__(self, scheduler: BatchScheduler, process: Callable[[Batch], None]) -> None:
        self.process = process
        self._scheduler = scheduler
        self._settings = scheduler.settings
        self._closed: deque[Batch] = deque()  # take no more tasks
        self._filling: dict[BatchKey, Batch] = {}
        self._expected_requests: int | None = None  # nothing is known before the first batch
        self.running = 0  # batches in the scheduler's threads

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not (self.running or self._closed or self._filling)

    def room(self, key: BatchKey) -> int:
        """Examples that still fit into the batch that is filling for `key`; a whole batch when there is none."""
        with self._scheduler.changed:
            batch = self._filling.get(key)
            return self._settings.batch_limit - (batch.size if batch is not None else 0)

    def put(self, tasks: Sequence[Task], key: BatchKey) -> None:
        """Queue the parts of one request: all of them, or none.

        Args:
            tasks: none larger than a batch.
            key: only tasks with the same key run together.

        Raises:
            ServingError: UNAVAILABLE when the queue is full.
        """
        with self._scheduler.changed:
            self._require_capacity(tasks, key)
            ready = 0
            for task in tasks:
                batch = self._filling.get(key)
                if batch is not None and batch.size + task.size > self._settings.batch_limit:
                    self._closed.append(self._filling.pop(key))
                    batch = None
                if batch is None:
                    batch = Batch(key, task.enqueued_at + self._settings.batch_timeout_micros * _MICROSECOND)
                    self._filling[key] = batch
                    ready += 1
                batch.add(task)
                if self._expected_requests is not None and len(batch.tasks) >= self._expected_requests:
                    batch.due_at = task.enqueued_at
                    ready += 1
                if batch.size >= self._settings.batch_limit:
                    self._closed.append(self._filling.pop(key))
                    ready += 1
            # Without news the threads know all they need: when the batches that fill are due.
            if ready:
                self._scheduler.changed.notify(ready)

    def take(self, now: float, *, at_once: bool) -> tuple[Batch | None, float | None]:
        """Remove a batch that may run, because it is closed or its time is up; with the scheduler's lock held.

        Returns:
            The batch, or the seconds until there is one, None when nothing is queued.
        """
        soonest = min(self._filling.values(), key=lambda batch: batch.due_at, default=None)
        is_due = soonest is not None and (at_once or soonest.due_at <= now)
        batch = None
        if soonest is not None and is_due and (not self._closed or soonest.due_at < self._closed[0].due_at):
            batch = self._filling.pop(soonest.key)
        elif self._closed:
            batch = self._closed.popleft()
        if batch is not None:
            self.running += 1
            return batch, None
        return None, None if soonest is None else soonest.due_at - now

    def done(self, batch: Batch) -> None:
        """Note that a batch has run; with the scheduler's lock held."""
        self.running -= 1
        waiting = sum(len(other.tasks) for other in (*self._closed, *self._filling.values()))
        self._expected_requests = len(batch.tasks) + waiting

    def _require_capacity(self, tasks: Sequence[Task], key: BatchKey) -> None:
        """Raise UNAVAILABLE in TF Serving's words (shared_batch_scheduler.h) when `tasks` need too many batches."""
        settings = self._settings
        enqueued = len(self._closed) + len(self._filling)
        filling = self._filling.get(key)
        room = settings.batch_limit - filling.size if filling is not None else 0
        needed = 0
        for task in tasks:
            if task.size > room:
                needed += 1
                room = settings.batch_limit
            room -= task.size
        if enqueued + needed <= settings.max_enqueued_batches or not needed:
            return
        start = "The batch scheduling queue to which this task was submitted is full;"
        limit = f"max_enqueued_batches={settings.max_enqueued_batches}"
        if not settings.enable_large_batch_splitting:
            raise ServingError(
                Code.UNAVAILABLE, f"{start} currently {enqueued} batches enqueued and {limit.replace('=', ' is ')}"
            )
        size, open_size = sum(task.size for task in tasks), filling.size if filling is not None else 0
        free = max(0, settings.max_enqueued_batches - enqueued) * settings.batch_limit
        capacity = free + (settings.batch_limit - open_size if filling is not None else 0)
        raise ServingError(
            Code.UNAVAILABLE,
            f"{start} task size is {size} but scheduling capacity is only {capacity} (num_enqueued_batches={enqueued}, "
            f"{limit}, open_batch_size={open_size}, max_execution_batch_size={settings.batch_limit})",
        )
