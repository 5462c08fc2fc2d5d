"""The model servers that the gateway may ask, and which of them is asked next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from serving.errors import Code, ServingError
from serving.gateway.backend import Backend, BackendState
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.settings import GatewaySettings

# A server that left the list still finishes what it was asked.
_RETIRE_SECONDS = 30.0


class BackendPool:
    """Backends in turn, those that have the model first."""

    def __init__(self, settings: GatewaySettings, model_name: str, metrics: GatewayMetrics) -> None:
        self._settings = settings
        self._model_name = model_name
        self._metrics = metrics
        self._backends: dict[str, Backend] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._turn = 0

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
            )
            self._backends[address] = backend
            self._watches[address] = asyncio.create_task(
                backend.watch(self._settings.status_poll_seconds), name=f"watch-{address}"
            )

    def pick(self) -> Backend:
        """The next server: one that has the model, else one that answers, else any (it may have just come back).

        Raises:
            ServingError: UNAVAILABLE when there is none.
        """
        if not self._backends:
            raise ServingError(
                Code.UNAVAILABLE, "no model server is running yet; it may be starting, try again shortly"
            )
        backends = list(self._backends.values())
        for state in (BackendState.AVAILABLE, BackendState.NO_MODEL):
            fit = [backend for backend in backends if backend.state is state]
            if fit:
                backends = fit
                break
        self._turn += 1
        return backends[self._turn % len(backends)]

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
