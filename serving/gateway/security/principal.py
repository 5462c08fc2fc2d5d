"""Who a caller is, and what that allows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from serving.gateway.security.settings import RateLimitSettings


class Scope(StrEnum):
    """What a caller may do; none implies another."""

    PREDICT = "predict"
    STATUS = "status"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose key or token was accepted.

    Attributes:
        kind: "api_key" or "jwt".
        name: of the key, or the token's subject; goes into logs and metrics.
        rate_limit: its own; None where the configured one applies.
    """

    kind: str
    name: str
    scopes: frozenset[Scope]
    rate_limit: RateLimitSettings | None = None
