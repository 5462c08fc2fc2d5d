"""Decides whether a request may be answered: who sent it, what it wants, and how much was sent before."""

from __future__ import annotations

from collections.abc import Sequence

from serving.errors import ServingError
from serving.gateway.metrics import GatewayMetrics
from serving.gateway.security.authenticator import Authenticator, Credentials
from serving.gateway.security.caller import CURRENT_CALLER, Caller
from serving.gateway.security.errors import AccessError, RateLimitedError, lacks_scope
from serving.gateway.security.principal import Scope
from serving.gateway.security.rate_limits import RateLimits
from serving.gateway.security.settings import AuthenticationSettings
from serving.gateway.watched_files import WatchedFiles


class Access:
    """Asked by the guards of both protocols before a body is read."""

    def __init__(
        self, settings: AuthenticationSettings, metrics: GatewayMetrics, limits: RateLimits | None = None
    ) -> None:
        """Read the files of keys.

        Args:
            settings: with authentication enabled.
            metrics: counts who is turned away.
            limits: in place of those of `settings`.

        Raises:
            ConfigurationError: a file is wrong.
        """
        self._metrics = metrics
        self._authenticator = Authenticator(settings, metrics)
        self._limits = limits or RateLimits(settings.rate_limit)
        self.protects_metrics = settings.protect_metrics

    @property
    def files(self) -> Sequence[WatchedFiles]:
        """What must be watched for changes."""
        return self._authenticator.files

    def admit(self, credentials: Credentials, needed: Scope) -> ServingError | None:
        """None lets the request in; the error is its answer. Either way its record learns who sent it."""
        CURRENT_CALLER.set(None)
        try:
            principal = self._authenticator.identify(credentials)
            CURRENT_CALLER.set(Caller(principal, self._limits))
            if needed not in principal.scopes:
                raise lacks_scope(principal.name, needed, principal.scopes)
            self._limits.take_request(principal, with_images=needed is Scope.PREDICT)
        except AccessError as error:
            self._metrics.access_denied(error.reason)
            return error
        except RateLimitedError as error:
            return error
        return None
