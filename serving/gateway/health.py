"""Whether the gateway lives, and whether it should get requests."""

from __future__ import annotations

from dataclasses import dataclass

from serving.gateway.pool import BackendPool


@dataclass(frozen=True, slots=True)
class Readiness:
    """The answer of /readyz and of gRPC's health service.

    Attributes:
        ready: a model server has the model available, and the gateway is not draining.
        reason: why not, for people; empty when ready.
        version: the newest available version; None when there is none.
    """

    ready: bool
    reason: str
    version: int | None


class Health:
    """Reads the pool's state; asks nobody, so a probe costs nothing and never hangs.

    Attributes:
        model_name: the model whose availability counts.
        draining: set when the gateway was told to stop.
    """

    def __init__(self, pool: BackendPool, model_name: str) -> None:
        self._pool = pool
        self.model_name = model_name
        self.draining = False

    def readiness(self) -> Readiness:
        """Whether to send requests here now."""
        version = self._pool.available_version()
        if self.draining:
            return Readiness(False, "the gateway is stopping", version)
        if version is None:
            return Readiness(
                False, f"no version of model {self.model_name} is available: {self._pool.describe_state()}", None
            )
        return Readiness(True, "", version)
