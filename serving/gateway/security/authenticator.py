"""From what a request carries to who sent it; the same for both protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.gateway.metrics import GatewayMetrics
from serving.gateway.security.api_keys import KEY_PREFIX, ApiKeys
from serving.gateway.security.errors import Denial, missing, rejected
from serving.gateway.security.principal import Principal
from serving.gateway.security.settings import AuthenticationSettings
from serving.gateway.watched_files import WatchedFiles

AUTHORIZATION = "authorization"
API_KEY = "x-api-key"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The values of the two headers, each as often as it was sent."""

    authorization: Sequence[str]
    api_key: Sequence[str]


class Authenticator:
    """Knows keys and tokens.

    Attributes:
        files: what must be watched for changes.
    """

    def __init__(self, settings: AuthenticationSettings, metrics: GatewayMetrics) -> None:
        """Read the files.

        Raises:
            ConfigurationError: one of them is wrong.
        """
        self.files: list[WatchedFiles] = []
        self._api_keys: ApiKeys | None = None
        self._tokens = None
        if settings.api_keys_file is not None:
            self._api_keys = ApiKeys(Path(settings.api_keys_file))
            self.files.append(WatchedFiles("API keys", [self._api_keys.path], self._api_keys.load, metrics))
        if settings.jwt is not None:
            from serving.gateway.security.tokens import Tokens  # noqa: PLC0415 - loads cryptography

            self._tokens = Tokens(settings.jwt)
            self.files.append(WatchedFiles("token keys", [self._tokens.path], self._tokens.load, metrics))
        kinds = {"an API key": self._api_keys, "a token": self._tokens}
        self._expected = " or ".join(kind for kind, found in kinds.items() if found is not None)

    def identify(self, credentials: Credentials) -> Principal:
        """Who sent it.

        Raises:
            AccessError: UNAUTHENTICATED when that can't be told.
        """
        offered = {*(_bearer(value) for value in credentials.authorization), *credentials.api_key}
        if not offered:
            raise missing(self._expected)
        if len(offered) > 1:
            raise rejected("the request carries several keys or tokens; send one", Denial.MALFORMED)
        (secret,) = offered
        # A token starts with the base64 of a brace, so it never looks like a key.
        if self._tokens is not None and not credentials.api_key and not secret.startswith(KEY_PREFIX):
            return self._tokens.identify(secret)
        if self._api_keys is None:
            raise rejected("API keys are not used here; send a token as Authorization: Bearer", Denial.MALFORMED)
        return self._api_keys.identify(secret)


def _bearer(value: str) -> str:
    scheme, _, secret = value.strip().partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise rejected("Authorization must read: Bearer, a space, and the API key or token", Denial.MALFORMED)
    return secret.strip()
