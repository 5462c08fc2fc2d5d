"""What the model server answers, whatever the protocol: finds the version, a thread and the time, and counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

from serving.errors import Code, ServingError
from serving.model_server.metrics import ModelServerMetrics
from serving.model_server.model_config import models_of
from serving.model_server.model_manager import ModelManager
from serving.model_server.runner import Runner
from serving.model_server.runtime import Arrays
from serving.model_server.steps import Steps
from serving.model_server.tracing.spans import Headers, NoTracer, Trace, Tracer
from serving.protos import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    meta_graph_pb2,
    model_pb2,
    model_server_config_pb2,
)

SIGNATURE_DEF = "signature_def"

_MICROSECONDS = 1_000_000
Work = Callable[[Runner], Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """One inference request.

    Attributes:
        api: `Predict`, `Classify`, `Regress` or `MultiInference`, as TF Serving's metrics name them.
        entrypoint: the protocol it came by.
        deadline: `time.monotonic()` after which nobody waits for the answer; None for never.
        small: whether translating the request takes less than passing it to a thread.
        headers: reads its metadata or HTTP headers.
    """

    api: str
    entrypoint: Literal["GRPC", "REST"]
    deadline: float | None = None
    small: bool = False
    headers: Headers = tuple

    def check_deadline(self) -> None:
        """Raise DEADLINE_EXCEEDED once the deadline has passed."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise ServingError(Code.DEADLINE_EXCEEDED, "The deadline passed before the model could run")


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an inference request, and the version that gave it."""

    result: Any
    model_name: str
    version: int

    def fill(self, spec: model_pb2.ModelSpec, signature_name: str) -> None:
        """Write the model's name, version and signature into a response's `model_spec`."""
        spec.Clear()
        spec.name = self.model_name
        spec.version.value = self.version
        spec.signature_name = signature_name


class ServingCore:
    """Answers requests; lives on the event loop and computes in `executor`."""

    def __init__(
        self, models: ModelManager, executor: Executor, metrics: ModelServerMetrics, tracer: Tracer | None = None
    ) -> None:
        self._tracer = tracer or NoTracer()
        self._models = models
        self._executor = executor
        self._metrics = metrics
        self._closed = False

    async def infer(self, spec: model_pb2.ModelSpec, call: Call, work: Work) -> Answer:
        """Do `work` on the version that `spec` names.

        `work` translates as well, in a thread unless the call is small: reading megabytes of JSON on the event loop
        would hold up every other request. If the caller is cancelled (its client has gone) before a thread or a batch
        was free, `work` never runs; a version stays loaded until what runs for it has really ended.

        Raises:
            ServingError: the model is not there, the deadline has passed, or what `work` raised.
        """
        start = time.monotonic()
        status = "OK"
        # A client may invent names without end; only names that exist may become label values.
        name = spec.name if self._models.knows(spec.name) else ""
        trace = self._tracer.begin(call.api, call.entrypoint, call.headers)
        failure: BaseException | None = None
        version = 0
        try:
            handle = self._models.acquire(spec)
            version = handle.version
            runner = _TimedRunner(handle.runner, self._metrics, name, call.api, trace)
            steps = Steps(lambda: _begin(runner, call, work))
            try:
                result = await steps.drive(self._executor, inline=call.small and not runner.blocks)
            except RuntimeError as error:
                if self._closed:
                    raise ServingError(Code.UNAVAILABLE, "The model server is shutting down") from error
                raise
            finally:
                steps.when_idle(handle.release)
            return Answer(result, handle.model_name, handle.version)
        except ServingError as error:
            status, failure = error.code.name, error
            raise
        except asyncio.CancelledError as error:
            status, failure = Code.CANCELLED.name, error
            raise
        except Exception as error:
            status, failure = Code.INTERNAL.name, error
            raise
        finally:
            trace.end(spec, version, failure)
            elapsed = (time.monotonic() - start) * _MICROSECONDS
            self._metrics.request_count.add(name, status)
            self._metrics.request_latency.observe(elapsed, name, call.api, call.entrypoint)

    def close(self) -> None:
        """Take no more requests. What runs in threads cannot be stopped and is not waited for."""
        self._closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)

    def count_examples(self, model_name: str, count: int) -> None:
        """Count the tf.Examples of a Classify, Regress or MultiInference request."""
        if self._models.knows(model_name):
            self._metrics.request_example_count_total.add(model_name, by=count)
            self._metrics.request_example_counts.observe(count, model_name)

    def model_metadata(
        self, spec: model_pb2.ModelSpec, fields: Sequence[str]
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a version.

        Raises:
            ServingError: INVALID_ARGUMENT for anything but `signature_def`, or the model is not there.
        """
        if not fields:
            raise ServingError(
                Code.INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field"
            )
        for field in fields:
            if field != SIGNATURE_DEF:
                raise ServingError(Code.INVALID_ARGUMENT, f"Metadata field {field} is not supported")
        handle = self._models.acquire(spec)
        try:
            signatures = get_model_metadata_pb2.SignatureDefMap()
            for name, signature in handle.runner.signatures.items():
                signatures.signature_def[name].CopyFrom(signature)
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            response.model_spec.name = handle.model_name
            response.model_spec.version.value = handle.version
            response.metadata[SIGNATURE_DEF].Pack(signatures)
            return response
        finally:
            handle.release()

    def model_status(self, spec: model_pb2.ModelSpec) -> get_model_status_pb2.GetModelStatusResponse:
        """The states of a model's versions, newest first.

        Raises:
            ServingError: the model or version was never there.
        """
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self._models.statuses(spec):
            status = response.model_version_status.add(version=version.number, state=version.state.value)
            status.status.error_code = 0
            if version.error is not None:
                status.status.error_code = version.error.code.value
                status.status.error_message = version.error.message
        return response

    async def reload(
        self, config: model_server_config_pb2.ModelServerConfig, metric_names: Sequence[str] = ()
    ) -> dict[str, int]:
        """Serve the models of another configuration; returns by how much the named counters grew meanwhile.

        Raises:
            ServingError: INVALID_ARGUMENT for what cannot be served, or see `ModelManager.reload`.
        """
        if config.WhichOneof("config") != "model_config_list":
            raise ServingError(
                Code.INVALID_ARGUMENT,
                "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently "
                "supported",
            )
        before = self._metrics.totals(metric_names)
        await self._models.reload(models_of(config))
        return {name: total - before[name] for name, total in self._metrics.totals(metric_names).items()}

    def metrics_text(self) -> str:
        """All metrics in Prometheus' text format."""
        return self._metrics.render()


async def _begin(runner: Runner, call: Call, work: Work) -> Any:
    call.check_deadline()
    return await work(runner)


class _TimedRunner:
    """A runner whose runs are measured for one request."""

    def __init__(self, runner: Runner, metrics: ModelServerMetrics, model_name: str, api: str, trace: Trace) -> None:
        self._runner = runner
        self._trace = trace
        self._metrics = metrics
        self._labels = (model_name, api, runner.runtime_name)

    @property
    def signatures(self) -> Mapping[str, meta_graph_pb2.SignatureDef]:
        return self._runner.signatures

    @property
    def runtime_name(self) -> str:
        return self._runner.runtime_name

    @property
    def blocks(self) -> bool:
        return self._runner.blocks

    async def run(self, signature_name: str, inputs: Arrays, outputs: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        start = time.monotonic()
        try:
            with self._trace.step("run"):
                return await self._runner.run(signature_name, inputs, outputs)
        finally:
            self._metrics.runtime_latency.observe((time.monotonic() - start) * _MICROSECONDS, *self._labels)

    def close(self) -> None:
        raise RuntimeError("A request does not close the version it uses")
