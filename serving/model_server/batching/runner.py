"""Stands in front of a loaded version and runs its requests in batches."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy.typing as npt

from serving.errors import Code, ServingError
from serving.model_server.batching.batch import Batch, BatchKey, Outputs, Task, UnbatchableError, join, merge, split
from serving.model_server.batching.scheduler import BatchQueue, BatchScheduler
from serving.model_server.metrics import ModelServerMetrics
from serving.model_server.runner import Waiting
from serving.model_server.runtime import Arrays, Servable
from serving.protos import meta_graph_pb2

_log = logging.getLogger(__name__)

_MICROSECONDS = 1_000_000


class BatchingRunner:
    """A `Runner` that puts requests for the same outputs of a signature together.

    What has no batch dimension runs by itself: a signature with a scalar or a fixed first dimension, and a request
    whose inputs have different numbers of examples, or none.
    """

    blocks = False

    def __init__(self, servable: Servable, scheduler: BatchScheduler, metrics: ModelServerMetrics) -> None:
        """Takes over a loaded servable."""
        self._servable = servable
        self._scheduler = scheduler
        self._settings = scheduler.settings
        self._metrics = metrics
        self._queues: dict[str, BatchQueue] = {}
        self._lock = threading.Lock()
        self._batched = {
            name: all(_has_batch_dimension(info) for info in (*signature.inputs.values(), *signature.outputs.values()))
            for name, signature in servable.signatures.items()
        }

    @property
    def signatures(self) -> Mapping[str, meta_graph_pb2.SignatureDef]:
        """The signatures, by name."""
        return self._servable.signatures

    @property
    def runtime_name(self) -> str:
        """What runs them, for metrics."""
        return self._servable.runtime_name

    async def run(self, signature_name: str, inputs: Arrays, outputs: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Run one signature, with others; see `Servable.run`.

        Raises:
            ServingError: INVALID_ARGUMENT for more examples than `max_batch_size`, UNAVAILABLE when the queue is full,
                or what the model raised for this request.
        """
        size = _batch_size(inputs)
        queue = self._queue(signature_name)
        if size and self._batched[signature_name]:
            if size > self._settings.max_batch_size:
                raise ServingError(
                    Code.INVALID_ARGUMENT,
                    f"Task size {size} is larger than maximum input batch size {self._settings.max_batch_size}",
                )
            key = BatchKey(tuple(outputs), tuple(self._row(inputs[name]) for name in sorted(inputs)))
            tasks = self._parts(inputs, size, queue, key)
            self._metrics.batching_input_batch_size.observe(size)
        else:
            key = BatchKey(tuple(outputs), (object(),))  # like no other
            tasks = [Task(inputs, self._settings.batch_limit, alone=True)]
        queue.put(tasks, key)
        try:
            return join([await Waiting(task.outputs) for task in tasks])
        except BaseException:
            for task in tasks:
                task.outputs.cancel()
            raise

    def close(self) -> None:
        """Free what the version holds."""
        for queue in self._queues.values():
            self._scheduler.remove_queue(queue)
        self._queues.clear()
        self._servable.close()

    def _queue(self, signature_name: str) -> BatchQueue:
        queue = self._queues.get(signature_name)
        if queue is not None:
            return queue
        with self._lock:
            if signature_name not in self._queues:
                self._queues[signature_name] = self._scheduler.add_queue(partial(self._process, signature_name))
            return self._queues[signature_name]

    def _row(self, array: npt.NDArray[Any]) -> Hashable:
        """What two arrays must share to go into one batch: their rows' shape, or only its rank if they are padded."""
        return array.ndim if self._settings.pad_variable_length_inputs else array.shape[1:]

    def _parts(self, inputs: Arrays, size: int, queue: BatchQueue, key: BatchKey) -> list[Task]:
        """The request as one task, or cut so that the first part fills the batch that is filling."""
        if not self._settings.enable_large_batch_splitting:
            return [Task(inputs, size)]
        cuts = [0, min(size, queue.room(key))]
        while cuts[-1] < size:
            cuts.append(min(size, cuts[-1] + self._settings.batch_limit))
        return [
            Task({name: array[start:end] for name, array in inputs.items()}, end - start)
            for start, end in pairwise(cuts)
        ]

    def _process(self, signature_name: str, batch: Batch) -> None:
        now = time.monotonic()
        tasks = [task for task in batch.tasks if task.outputs.set_running_or_notify_cancel()]
        for task in tasks:
            waited = (now - task.enqueued_at) * _MICROSECONDS
            self._metrics.batching_queuing_latency.observe(waited, self._settings.thread_pool_name)
        if tasks:
            self._complete(signature_name, batch.key.outputs, tasks)

    def _complete(self, signature_name: str, outputs: Sequence[str], tasks: Sequence[Task]) -> None:
        """Run tasks together; when that fails, each half by itself, so that a bad item fails only its own request."""
        try:
            results = self._run(signature_name, outputs, tasks)
        except Exception as error:  # noqa: BLE001 - the request gets it
            if len(tasks) == 1:
                tasks[0].outputs.set_exception(error)
                return
            middle = len(tasks) // 2
            self._complete(signature_name, outputs, tasks[:middle])
            self._complete(signature_name, outputs, tasks[middle:])
            return
        for task, result in zip(tasks, results, strict=True):
            task.outputs.set_result(result)

    def _run(self, signature_name: str, outputs: Sequence[str], tasks: Sequence[Task]) -> list[Outputs]:
        if tasks[0].alone:
            return [self._servable.run(signature_name, tasks[0].inputs, outputs)]
        sizes = [task.size for task in tasks]
        padded_size = self._settings.padded_size(sum(sizes))
        inputs = merge(tasks, padded_size, pad_rows=self._settings.pad_variable_length_inputs)
        self._metrics.batching_padding_size.observe(padded_size - sum(sizes), str(padded_size))
        self._metrics.batching_processed_batch_size.observe(padded_size)
        self._metrics.batching_wrapped_run_count.add()
        results = self._servable.run(signature_name, inputs, outputs)
        try:
            return split(results, sizes, padded_size)
        except UnbatchableError as error:
            # The signature promised a batch dimension, or said nothing. It is believed no more.
            if self._batched[signature_name]:
                _log.warning("Signature %s runs without batching from now on: %s", signature_name, error)
                self._batched[signature_name] = False
            return [self._servable.run(signature_name, task.inputs, outputs) for task in tasks]


def _has_batch_dimension(info: meta_graph_pb2.TensorInfo) -> bool:
    """Whether a tensor's first dimension may have any size, as far as its signature says."""
    shape = info.tensor_shape
    return shape.unknown_rank or (len(shape.dim) > 0 and shape.dim[0].size == -1)


def _batch_size(inputs: Arrays) -> int:
    """The inputs' common first dimension, 0 when there is none."""
    sizes = {array.shape[0] if array.ndim else 0 for array in inputs.values()}
    return sizes.pop() if len(sizes) == 1 else 0
