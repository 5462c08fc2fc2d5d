"""Metrics under TF Serving's names and in its Prometheus text, so that dashboards made for it work.

The names hold colons and the counters lack `_total`, which client libraries correct on their own; so the text is
written here, as tensorflow_serving/util/prometheus_exporter.cc does. Latencies are in microseconds.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterable, Iterator, Sequence

# monitoring::Buckets::Exponential(10, 1.8, 33): 10 us to about 20 minutes (servables/tensorflow/util.cc).
LATENCY_BUCKETS = tuple(10 * 1.8**power for power in range(33))
# monitoring::Buckets::Exponential(1, 2, 15).
COUNT_BUCKETS = tuple(float(2**power) for power in range(15))
# batching_session.cc: 100 us to about one second; batch_scheduler_utils.h and batching_util.h: 1 to 8,192 examples.
QUEUE_BUCKETS = tuple(100 * 1.2**power for power in range(52))
BATCH_SIZE_BUCKETS = tuple(float(2**power) for power in range(14))


class Counter:
    """A number that grows, for each combination of label values."""

    kind = "counter"

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        """`name` is TF Serving's, with slashes."""
        self.source_name = name
        self.name = _prometheus_name(name)
        self._labels = tuple(labels)
        self._values: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def add(self, *label_values: str, by: int = 1) -> None:
        """Add to one combination of label values."""
        with self._lock:
            self._values[label_values] = self._values.get(label_values, 0) + by

    @property
    def total(self) -> int:
        """The sum over all label values."""
        with self._lock:
            return sum(self._values.values())

    def lines(self) -> Iterator[str]:
        """The samples in Prometheus' text."""
        with self._lock:
            values = dict(self._values)
        for label_values, value in values.items():
            yield f"{self.name}{_braces(self._labels, label_values)} {value}"


class Histogram:
    """A distribution, for each combination of label values."""

    kind = "histogram"

    def __init__(self, name: str, labels: Sequence[str], buckets: Sequence[float] = LATENCY_BUCKETS) -> None:
        """`name` is TF Serving's, with slashes; `buckets` are the upper limits, without infinity."""
        self.name = _prometheus_name(name)
        self._labels = tuple(labels)
        self._buckets = tuple(buckets)
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    def observe(self, value: float, *label_values: str) -> None:
        """Record one value."""
        # TensorFlow's buckets exclude their limit, Prometheus' include it; for continuous values it is the same.
        index = bisect.bisect_left(self._buckets, value)
        with self._lock:
            counts = self._counts.setdefault(label_values, [0] * (len(self._buckets) + 1))
            counts[index] += 1
            self._sums[label_values] = self._sums.get(label_values, 0.0) + value

    def lines(self) -> Iterator[str]:
        """The samples in Prometheus' text."""
        with self._lock:
            series = [(values, list(counts), self._sums[values]) for values, counts in self._counts.items()]
        for label_values, counts, total in series:
            cumulative = 0
            for limit, count in zip([*(f"{bucket:g}" for bucket in self._buckets), "+Inf"], counts, strict=True):
                cumulative += count
                braces = _braces((*self._labels, "le"), (*label_values, limit))
                yield f"{self.name}_bucket{braces} {cumulative}"
            yield f"{self.name}_sum{_braces(self._labels, label_values)} {total:g}"
            yield f"{self.name}_count{_braces(self._labels, label_values)} {cumulative}"


class ModelServerMetrics:
    """What the model server counts.

    Attributes:
        request_count: requests by model and status.
        request_latency: whole requests, from translated to answered.
        runtime_latency: the part spent running the graph.
        request_example_count_total: tf.Examples in Classify and Regress requests.
        request_example_counts: the same for each request.
        load_attempt_count: loads by path and outcome.
        load_latency: summed time of loads by path.
        model_warmup_latency: warm-up by path and outcome.
        batching_queuing_latency: time in the batching queue, by the name of the threads' pool.
        batching_wrapped_run_count: batches that ran.
        batching_input_batch_size: examples in each request.
        batching_processed_batch_size: examples in each batch, padding included.
        batching_padding_size: examples of padding, by the size of the batch.
    """

    def __init__(self) -> None:
        self.request_count = Counter("/tensorflow/serving/request_count", ("model_name", "status"))
        self.request_latency = Histogram("/tensorflow/serving/request_latency", ("model_name", "API", "entrypoint"))
        self.runtime_latency = Histogram("/tensorflow/serving/runtime_latency", ("model_name", "API", "runtime"))
        self.request_example_count_total = Counter("/tensorflow/serving/request_example_count_total", ("model",))
        self.request_example_counts = Histogram("/tensorflow/serving/request_example_counts", ("model",), COUNT_BUCKETS)
        self.load_attempt_count = Counter("/tensorflow/cc/saved_model/load_attempt_count", ("model_path", "status"))
        self.load_latency = Counter("/tensorflow/cc/saved_model/load_latency", ("model_path",))
        self.model_warmup_latency = Histogram("/tensorflow/serving/model_warmup_latency", ("model_path", "status"))
        batching = "/tensorflow/serving/batching_session"
        self.batching_queuing_latency = Histogram(f"{batching}/queuing_latency", ("thread_pool_name",), QUEUE_BUCKETS)
        self.batching_wrapped_run_count = Counter(f"{batching}/wrapped_run_count", ())
        self.batching_input_batch_size = Histogram(f"{batching}/input_batch_size", (), BATCH_SIZE_BUCKETS)
        self.batching_processed_batch_size = Histogram(f"{batching}/processed_batch_size", (), BATCH_SIZE_BUCKETS)
        self.batching_padding_size = Histogram(
            f"{batching}/padding_size", ("execution_batch_size",), BATCH_SIZE_BUCKETS
        )

    def totals(self, names: Iterable[str]) -> dict[str, int]:
        """The counters among these names of TF Serving's, with their sums; 0 for a name that nothing counts."""
        found = {metric.source_name: metric.total for metric in vars(self).values() if isinstance(metric, Counter)}
        return {name: found.get(name, 0) for name in names}

    def render(self) -> str:
        """All of them in Prometheus' text format 0.0.4."""
        lines = []
        for metric in vars(self).values():
            lines.append(f"# TYPE {metric.name} {metric.kind}")
            lines.extend(metric.lines())
        return "\n".join(lines) + "\n"


def _prometheus_name(name: str) -> str:
    return "".join(char if char.isalnum() or char == "_" else ":" for char in name)


def _braces(names: Sequence[str], values: Sequence[str]) -> str:
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
