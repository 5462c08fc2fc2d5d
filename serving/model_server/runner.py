"""What a request sees of a loaded version: its signatures, and a way to run one that may wait without a thread."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Generic, Protocol, TypeVar

import numpy.typing as npt

from serving.model_server.runtime import Arrays, Servable
from serving.protos import meta_graph_pb2

_Result = TypeVar("_Result")


class Runner(Protocol):
    """A loaded version. Requests, warm-up and versions know this and not what is behind it."""

    @property
    def signatures(self) -> Mapping[str, meta_graph_pb2.SignatureDef]:
        """The signatures, by name."""

    @property
    def runtime_name(self) -> str:
        """What runs them, for metrics."""

    @property
    def blocks(self) -> bool:
        """Whether `run` computes in the thread that calls it; otherwise it waits for others to compute."""

    async def run(self, signature_name: str, inputs: Arrays, outputs: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Run one signature; see `Servable.run`. Awaits nothing but `Waiting`, so that `steps` can drive it."""

    def close(self) -> None:
        """Free what the version holds; no `run` is under way or follows."""


class Waiting(Generic[_Result]):
    """Awaits a future that another thread completes, in a coroutine that `steps` drives."""

    def __init__(self, future: Future[_Result]) -> None:
        self._future = future

    def __await__(self) -> Generator[Future[_Result], None, _Result]:
        yield self._future
        return self._future.result()


class DirectRunner:
    """Runs each request by itself, in the thread that asks."""

    blocks = True

    def __init__(self, servable: Servable) -> None:
        """Takes over a loaded servable."""
        self._servable = servable

    @property
    def signatures(self) -> Mapping[str, meta_graph_pb2.SignatureDef]:
        """The signatures, by name."""
        return self._servable.signatures

    @property
    def runtime_name(self) -> str:
        """What runs them, for metrics."""
        return self._servable.runtime_name

    async def run(self, signature_name: str, inputs: Arrays, outputs: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Run one signature; see `Servable.run`."""
        return self._servable.run(signature_name, inputs, outputs)

    def close(self) -> None:
        """Free what the version holds."""
        self._servable.close()
