"""Whether the gateway lives, and whether it should get requests."""

from __future__ import annotations

from dataclasses import dataclass

from serving.gateway.pool import BackendPool
from serving.gateway.releases.releases import Releases


@dataclass(frozen=True, slots=True)
class Readiness:
    """The answer of /readyz and of gRPC's health service.

    Attributes:
        ready: a model server has the model available, the stable version of releases too, and the gateway is not
            draining.
        reason: why not, for people; empty when ready.
        version: the one that answers, of releases the stable one; None when there is none.
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

    def __init__(self, pool: BackendPool, model_name: str, releases: Releases) -> None:
        self._pool = pool
        self._releases = releases
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
        missing = self._releases.missing_stable()
        if missing is not None:
            return Readiness(False, f"model {self.model_name}: {missing}", version)
        return Readiness(True, "", self._releases.stable_version() or version)
