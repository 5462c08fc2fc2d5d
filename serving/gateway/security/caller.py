"""Who sent the request that is being answered. Set by the guards, read where a request's record begins."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from serving.gateway.security.principal import Principal
from serving.gateway.security.rate_limits import RateLimits


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller, and its account of images."""

    principal: Principal
    _limits: RateLimits

    @property
    def name(self) -> str:
        """For logs and metrics."""
        return self.principal.name

    def charge_images(self, count: int) -> None:
        """Count images; see `RateLimits.take_images`."""
        self._limits.take_images(self.principal, count)


# Both servers answer each request in a task of its own, so this is never another request's.
CURRENT_CALLER: ContextVar[Caller | None] = ContextVar("current_caller", default=None)
