"""The model servers that the gateway may ask, and which of them is asked next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

from serving.errors import Code, ServingError
from serving.gateway.backend import Backend, BackendState, OpenChannel, insecure_channel
from serving.gateway.balancing.ejection import Ejections
from serving.gateway.balancing.retry_budget import RetryBudget
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.settings import GatewaySettings

# A server that left the list still finishes what it was asked.
_RETIRE_SECONDS = 30.0


class BackendPool:
    """Asks the backend with the least to do, of those that have the model and don't fail; another one if need be."""

    def __init__(
        self,
        settings: GatewaySettings,
        model_name: str,
        metrics: GatewayMetrics,
        open_channel: OpenChannel = insecure_channel,
    ) -> None:
        self._open_channel = open_channel
        self._settings = settings
        self._model_name = model_name
        self._metrics = metrics
        self._backends: dict[str, Backend] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._turn = 0
        self._retries = settings.balancing.retries
        self._budget = RetryBudget(self._retries, time.monotonic())
        self._ejections = Ejections(settings.balancing.ejection, metrics.balancing)

    def set_addresses(self, addresses: Iterable[str]) -> None:
        """Replace the list of servers; needs the running loop. Calls under way to one that goes still finish."""
        wanted = set(addresses)
        for address in self._backends.keys() - wanted:
            self._watches.pop(address).cancel()
            retiring = asyncio.create_task(self._backends.pop(address).close(_RETIRE_SECONDS))
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)
        for address in wanted - self._backends.keys():
            backend = Backend(
                address,
                model_name=self._model_name,
                max_message_bytes=self._settings.max_request_bytes,
                metrics=self._metrics,
                open_channel=self._open_channel,
            )
            self._backends[address] = backend
            self._watches[address] = asyncio.create_task(
                backend.watch(self._settings.status_poll_seconds), name=f"watch-{address}"
            )
        self._ejections.set_servers(self._backends)

    def reconnect(self) -> None:
        """Open the channels anew, as certificates have changed. Calls under way finish on the old ones."""
        for backend in self._backends.values():
            retiring = asyncio.create_task(backend.reconnect(_RETIRE_SECONDS))
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)

    async def call(self, method: str, request: Any, remaining: Callable[[], float]) -> Any:
        """Ask a server, and another one when the first is unavailable; requests change nothing, so that is safe.

        Args:
            method: of TF Serving's services.
            request: its message; a version in it is asked of a server that has it.
            remaining: how many seconds there are; may raise when there are none.

        Raises:
            ServingError: what the server answered, or UNAVAILABLE when none can be reached.
        """
        self._budget.request(time.monotonic())
        tried: list[Backend] = []
        while True:
            backend = self._pick(request, tried)
            allowed = remaining()
            code: Code | None = Code.CANCELLED
            trial = self._ejections.call_started(backend.address)
            started = time.monotonic()
            try:
                answer = await backend.forward(method, request, allowed)
                code = None
            except ServingError as error:
                code = error.code
                tried.append(backend)
                if code is not Code.UNAVAILABLE or not self._may_retry(method, tried):
                    raise
            else:
                return answer
            finally:
                self._ejections.call_ended(
                    backend.address,
                    code,
                    seconds=time.monotonic() - started,
                    allowed_seconds=allowed,
                    trial=trial,
                )

    async def call_once(self, method: str, request: Any, timeout_seconds: float) -> Any:
        """Ask a server without trying another, and without judging it by this call.

        Raises:
            ServingError: as `call`.
        """
        return await self._pick(request, ()).forward(method, request, timeout_seconds)

    def _may_retry(self, method: str, tried: Collection[Backend]) -> bool:
        others = [backend for backend in self._backends.values() if backend not in tried]
        if len(tried) > self._retries.max_per_request or not any(
            backend.state is BackendState.AVAILABLE for backend in others
        ):
            return False
        if not self._budget.take(time.monotonic()):
            self._metrics.balancing.budget_exhausted(method)
            return False
        self._metrics.balancing.retried(method)
        return True

    def _pick(self, request: Any, tried: Collection[Backend]) -> Backend:
        """Of those that have the model, else those that answer, else any (it may have just come back): one that has the
        version and is not ejected, with the fewest calls under way.

        Raises:
            ServingError: UNAVAILABLE when there is none, or all hang.
        """
        if not self._backends:
            raise ServingError(
                Code.UNAVAILABLE, "no model server is running yet; it may be starting, try again shortly"
            )
        backends = list(self._backends.values())
        if all(backend.state is BackendState.HANGING for backend in backends):
            raise ServingError(Code.UNAVAILABLE, f"no model server answers ({self.describe_state()})")
        if len(backends) == 1:
            return backends[0]
        version = _version_of(request)
        for fits in (
            lambda backend: backend not in tried,
            lambda backend: backend.state is BackendState.AVAILABLE,
            lambda backend: backend.state is not BackendState.HANGING,
            lambda backend: backend.state is not BackendState.UNREACHABLE,
            lambda backend: not version or version in backend.available_versions,
            lambda backend: self._ejections.admits(backend.address),
        ):
            backends = [backend for backend in backends if fits(backend)] or backends
        self._turn += 1
        least = min(backend.in_flight for backend in backends)
        idle = [backend for backend in backends if backend.in_flight == least]
        return idle[self._turn % len(idle)]

    def may_have(self, target: int | str) -> bool:
        """Whether some server has a version; always true of labels, and while nothing is known yet."""
        if not isinstance(target, int) or self.available_version() is None:
            return True
        return any(target in backend.available_versions for backend in self._backends.values())

    def backends(self) -> list[Backend]:
        """All servers of the list."""
        return list(self._backends.values())

    def available_version(self) -> int | None:
        """The newest version of the model that some server has; None when no server has any."""
        versions = [backend.available_versions[0] for backend in self._backends.values() if backend.available_versions]
        return max(versions, default=None)

    def describe_state(self) -> str:
        """The state of each server, for people."""
        if not self._backends:
            return "no model server is running"
        return "; ".join(
            f"model server {backend.address}: {backend.state.value}" for backend in self._backends.values()
        )

    async def close(self) -> None:
        """Stop the watches and close the channels."""
        tasks = [*self._watches.values(), *self._retiring]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(backend.close() for backend in self._backends.values()))
        self._backends.clear()
        self._watches.clear()


def _version_of(request: Any) -> int:
    """The version that a request names; 0 where it names none."""
    spec = getattr(request, "model_spec", None)
    return int(spec.version.value) if spec is not None else 0
