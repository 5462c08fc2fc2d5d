"""The parameters of dynamic batching, as in TF Serving's `--batching_parameters_file`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from darkroom.errors import ConfigurationError
from serving.model_server.text_proto import BatchingParameters, read_text_proto


@dataclass(frozen=True, slots=True)
class BatchingSettings:
    """How requests become batches. Defaults and rules are TF Serving's (shared_batch_scheduler.h, batching_session.cc).

    Attributes:
        max_batch_size: examples in the largest request, and in a batch unless `max_execution_batch_size` is less.
        batch_timeout_micros: how long a batch that is not full may wait for more; 0 waits only for a free thread.
        max_enqueued_batches: batches of one signature that may wait; more are refused with UNAVAILABLE.
        num_batch_threads: batches that run at the same time, of all models together.
        thread_pool_name: label of the queue's latency metric.
        allowed_batch_sizes: a batch is padded up to one of these; empty for any size.
        pad_variable_length_inputs: pad inputs of different sizes to the largest in the batch instead of putting them
            into different batches.
        enable_large_batch_splitting: cut a request into parts that fill batches.
        max_execution_batch_size: examples in a batch, with `enable_large_batch_splitting`; 0 is `max_batch_size`.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    thread_pool_name: str = "batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive; was {getattr(self, name)}")
        if self.batch_timeout_micros < 0:
            raise ValueError(f"batch_timeout_micros must be non-negative; was {self.batch_timeout_micros}")
        if self.max_execution_batch_size and not self.enable_large_batch_splitting:
            raise ValueError("max_execution_batch_size is set without enable_large_batch_splitting")
        if self.batch_limit > self.max_batch_size:
            raise ValueError(
                f"max_batch_size must be at least max_execution_batch_size; was {self.max_batch_size} and "
                f"{self.batch_limit}"
            )
        sizes = self.allowed_batch_sizes
        if any(size < 1 for size in sizes) or list(sizes) != sorted(set(sizes)):
            raise ValueError(f"allowed_batch_sizes entries must be monotonically increasing; were {list(sizes)}")
        if sizes and sizes[-1] != self.batch_limit:
            limit = "max_execution_batch_size" if self.max_execution_batch_size else "max_batch_size"
            raise ValueError(
                f"Last entry in allowed_batch_sizes must match {limit}; last entry was {sizes[-1]}; expected "
                f"{self.batch_limit}"
            )

    @property
    def batch_limit(self) -> int:
        """Examples in the largest batch."""
        return self.max_execution_batch_size or self.max_batch_size

    def padded_size(self, size: int) -> int:
        """The size at which a batch of `size` examples runs."""
        return next((allowed for allowed in self.allowed_batch_sizes if allowed >= size), size)


def read_batching_settings(path: Path) -> BatchingSettings:
    """TF Serving's parameters file, a `BatchingParameters` text proto.

    Raises:
        ConfigurationError: the file cannot be read, or its values contradict each other.
    """
    message = read_text_proto(path, BatchingParameters)
    given = {}
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None:
            given[descriptor.name] = value.value  # the scalars are wrapped, so that 0 is not the same as absent
        else:
            given[descriptor.name] = tuple(value) if descriptor.name == "allowed_batch_sizes" else value
    try:
        return BatchingSettings(**given)
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from error
