"""One server that speaks TF Serving's gRPC: calls with deadlines, and a watch over the model's status."""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from serving.errors import Code, ServingError
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.tracing.spans import backend_call
from serving.protos import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

_LOG = logging.getLogger(__name__)

# While the model is not there yet, look this often: start-up is when a second of waiting is noticed.
_EAGER_POLL_SECONDS = 0.2
_STATUS_TIMEOUT_SECONDS = 2.0
# A server that is merely busy may miss one status call; that must not take it out of service at the worst moment.
_MISSED_STATUS_CALLS = 3

_AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


class BackendState(enum.Enum):
    """What the last look at a backend showed."""

    UNKNOWN = "not asked yet"
    UNREACHABLE = "not reachable"
    HANGING = "reachable, but does not answer"
    NO_MODEL = "the model is not available"
    AVAILABLE = "available"


_STATES_BY_CODE = {
    Code.UNAVAILABLE: BackendState.UNREACHABLE,
    Code.DEADLINE_EXCEEDED: BackendState.HANGING,
}


# Opens a channel to an address with gRPC's options.
OpenChannel = Callable[[str, list[tuple[str, Any]]], grpc.aio.Channel]


def insecure_channel(address: str, options: list[tuple[str, Any]]) -> grpc.aio.Channel:
    """A channel in plain text."""
    return grpc.aio.insecure_channel(address, options=options)


class Backend:
    """A channel to one model server.

    Attributes:
        address: `host:port`.
        state: as of the last look; `watch` keeps it current.
        available_versions: the model's versions that answer, newest first.
        in_flight: forwarded calls that it works on.
    """

    def __init__(
        self,
        address: str,
        *,
        model_name: str,
        max_message_bytes: int,
        metrics: GatewayMetrics,
        open_channel: OpenChannel = insecure_channel,
    ) -> None:
        self.address = address
        self.state = BackendState.UNKNOWN
        self.available_versions: tuple[int, ...] = ()
        self.in_flight = 0
        self._answered = False
        self._model_name = model_name
        self._metrics = metrics
        self._look_again = asyncio.Event()
        self._missed = 0
        self._max_message_bytes = max_message_bytes
        self._open_channel = open_channel
        self._connect()

    def _connect(self) -> None:
        self._channel = self._open_channel(
            self.address,
            [
                ("grpc.max_send_message_length", self._max_message_bytes),
                # An answer can be larger than its request (class names of large batches); the server is ours to trust.
                ("grpc.max_receive_message_length", -1),
                # A restarted server must be found again at once, not after gRPC's default of up to two minutes.
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.min_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 1000),
                # Whether to ask again is the gateway's decision.
                ("grpc.enable_retries", 0),
                ("grpc.use_local_subchannel_pool", 1),
                # HTTP proxies in the environment are for the way out, not for the model server.
                ("grpc.enable_http_proxy", 0),
            ],
        )
        prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        model = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._methods: dict[str, Any] = {
            "Predict": prediction.Predict,
            "Classify": prediction.Classify,
            "Regress": prediction.Regress,
            "MultiInference": prediction.MultiInference,
            "GetModelMetadata": prediction.GetModelMetadata,
            "GetModelStatus": model.GetModelStatus,
            "HandleReloadConfigRequest": model.HandleReloadConfigRequest,
        }

    async def reconnect(self, grace_seconds: float) -> None:
        """Use a new channel from now on; calls under way get `grace_seconds` on the old one."""
        old = self._channel
        self._connect()
        self._look_again.set()
        await old.close(grace_seconds)

    async def forward(self, method: str, request: Any, timeout_seconds: float) -> Any:
        """`call` for a client's request.

        Raises:
            ServingError: as `call`.
        """
        self.in_flight += 1
        try:
            answer = await self.call(method, request, timeout_seconds)
        finally:
            self.in_flight -= 1
        self._answered = True
        return answer

    async def call(self, method: str, request: Any, timeout_seconds: float) -> Any:
        """Make one call and return its answer; the deadline travels with it.

        Raises:
            ServingError: what the server answered, or UNAVAILABLE when it can't be reached, at once.
        """
        started = time.perf_counter()
        code = "OK"
        try:
            with backend_call(self.address, method) as metadata:
                return await self._methods[method](request, timeout=timeout_seconds, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            failure = self._error(error)
            code = failure.code.name
            if failure.code is Code.UNAVAILABLE:
                self._look_again.set()
            raise failure from error
        except asyncio.CancelledError:
            code = Code.CANCELLED.name
            raise
        finally:
            self._metrics.backend_call(self.address, method, code, time.perf_counter() - started)

    def _error(self, error: grpc.aio.AioRpcError) -> ServingError:
        number = error.code().value[0]
        details = error.details() or ""
        if number == Code.CANCELLED:
            # Nobody here cancelled (that arrives as CancelledError): the server gave the call up while it went down.
            return ServingError(Code.UNAVAILABLE, f"the model server at {self.address} stopped before it answered")
        if number == Code.UNAVAILABLE and self._channel.get_state() is not grpc.ChannelConnectivity.READY:
            return ServingError(Code.UNAVAILABLE, f"the model server at {self.address} is not reachable: {details}")
        return ServingError(Code(number), details)

    async def watch(self, poll_seconds: float) -> None:
        """Keep `state` and `available_versions` current until cancelled."""
        while True:
            await self.look()
            pause = poll_seconds if self.state is BackendState.AVAILABLE else min(poll_seconds, _EAGER_POLL_SECONDS)
            try:
                async with asyncio.timeout(pause):
                    await self._look_again.wait()
                    # A burst of failed requests is one reason to look, not many.
                    await asyncio.sleep(_EAGER_POLL_SECONDS / 4)
            except TimeoutError:
                pass
            self._look_again.clear()

    async def look(self) -> None:
        """Ask for the model's status once."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._model_name
        before = self.state
        try:
            answer = await self.call("GetModelStatus", request, _STATUS_TIMEOUT_SECONDS)
        except ServingError as error:
            if error.code is Code.DEADLINE_EXCEEDED:
                # A server that answers requests lives, however long its status takes.
                self._missed = 0 if self._answered else self._missed + 1
                self._answered = False
                if self._missed < _MISSED_STATUS_CALLS:
                    return
            self.state = _STATES_BY_CODE.get(error.code, BackendState.NO_MODEL)
            self.available_versions = ()
            reason = error.message
        else:
            versions = [status.version for status in answer.model_version_status if status.state == _AVAILABLE]
            self.available_versions = tuple(sorted(versions, reverse=True))
            self.state = BackendState.AVAILABLE if versions else BackendState.NO_MODEL
            reason = f"versions {list(self.available_versions)}"
        self._missed = 0
        self._metrics.backend_available(self.address, self.state is BackendState.AVAILABLE)
        if self.state is not before:
            _LOG.info("Model server %s, model %s: %s (%s)", self.address, self._model_name, self.state.value, reason)

    async def close(self, grace_seconds: float | None = None) -> None:
        """Close the channel; calls under way get `grace_seconds`."""
        self._metrics.backend_gone(self.address)
        await self._channel.close(grace_seconds)
