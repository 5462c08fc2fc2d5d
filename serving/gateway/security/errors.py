"""Why a caller is turned away."""

from __future__ import annotations

from enum import StrEnum

from serving.errors import Code, ServingError
from serving.gateway.overload.errors import OverloadedError, Shed
from serving.gateway.security.principal import Scope

_REALM = 'Bearer realm="darkroom"'


class Denial(StrEnum):
    """The kinds of denial, for metrics."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    EXPIRED_KEY = "expired_key"
    INVALID_TOKEN = "invalid_token"
    EXPIRED_TOKEN = "expired_token"
    SCOPE = "scope"


class AccessError(ServingError):
    """A caller who may not.

    Attributes:
        challenge: for `WWW-Authenticate`, in the form of RFC 6750, section 3.
        reason: for metrics.
    """

    def __init__(self, code: Code, message: str, challenge: str, reason: Denial) -> None:
        super().__init__(code, message)
        self.challenge = challenge
        self.reason = reason


def missing(expected: str) -> AccessError:
    """Nothing says who the caller is. RFC 6750 wants no error code then."""
    return AccessError(
        Code.UNAUTHENTICATED,
        f"this needs {expected}: send it as Authorization: Bearer, or an API key as X-API-Key",
        _REALM,
        Denial.MISSING,
    )


def rejected(message: str, reason: Denial) -> AccessError:
    """A key or token that is not accepted."""
    return AccessError(Code.UNAUTHENTICATED, message, f'{_REALM}, error="invalid_token"', reason)


def lacks_scope(name: str, needed: Scope, has: frozenset[Scope]) -> AccessError:
    """A known caller who may do other things."""
    return AccessError(
        Code.PERMISSION_DENIED,
        f"this needs the scope {needed}, and {name} has {', '.join(sorted(has)) or 'none'}",
        f'{_REALM}, error="insufficient_scope", scope="{needed}"',
        Denial.SCOPE,
    )


class RateLimitedError(OverloadedError):
    """A caller who asks more than it may."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message, retry_after_seconds, Shed.RATE_LIMIT)
