"""The version that answers what no canary does."""

from __future__ import annotations

from serving.gateway.pool import BackendPool
from serving.gateway.releases.settings import Target


class Stable:
    """What is configured as stable, and until that is loaded what was before."""

    def __init__(self, configured: Target, previous: Target | None, pool: BackendPool) -> None:
        """`previous` is what answered up to now; None where nothing did."""
        self.configured = configured
        self._previous = previous
        self._pool = pool

    def candidates(self) -> tuple[Target, ...]:
        """What to ask, the likeliest first: a server may load one and unload the other between two looks at it."""
        if self._previous is None or not self._pool.may_have(self._previous):
            self._previous = None
            return (self.configured,)
        # What the pool knows may be a second old, so the one before stays the second choice until `answered`.
        return (self.configured, self._previous) if self.is_loaded() else (self._previous, self.configured)

    def answered(self, target: Target) -> None:
        """A version has answered.

        Once the configured one has, the one before is never gone back to: that would be a rollback which nobody asked
        for.
        """
        if target == self.configured:
            self._previous = None

    def target(self) -> Target:
        """What answers now."""
        return self.candidates()[0]

    def is_loaded(self) -> bool:
        """Whether the configured one may be asked; of a label only the model server knows."""
        return self._pool.may_have(self.configured)

    def missing(self) -> str | None:
        """Why nothing answers, for people; None when something does."""
        return None if self._pool.may_have(self.target()) else f"{self}, which is the stable one, is not loaded"

    def __str__(self) -> str:
        kind = "version" if isinstance(self.configured, int) else "label"
        return f"{kind} {self.configured}"
