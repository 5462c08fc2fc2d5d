"""JSON Web Tokens of an identity provider, checked as RFC 8725 advises.

Importing PyJWT's algorithms loads `cryptography`, so this module is imported only where tokens are configured.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from darkroom.errors import ConfigurationError
from serving.gateway.security.errors import AccessError, Denial, rejected
from serving.gateway.security.principal import Principal, Scope
from serving.gateway.security.settings import JwtSettings

# Also what common proxies let through in one header.
_LONGEST_TOKEN = 8192
_LONGEST_NAME = 64
_LEAST_RSA_BITS = 2048

# RFC 7518, section 3.1: the kind of key, and the curve, that each algorithm takes.
_KEY_TYPES: dict[str, tuple[str, str | None]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", None),
}


@dataclass(frozen=True, slots=True)
class _PublicKey:
    """A key of the set, ready for one algorithm."""

    key_id: str | None
    algorithm: str
    key: Any


class Tokens:
    """Verifies tokens; `load` reads the issuer's keys again."""

    def __init__(self, settings: JwtSettings) -> None:
        """Read the keys.

        Raises:
            ConfigurationError: they can't be read, or none can verify an allowed algorithm.
        """
        self._settings = settings
        self.path = Path(settings.jwks_file)
        self._keys: tuple[_PublicKey, ...] = ()
        self.load()

    def load(self) -> None:
        """Replace the keys by the file's; they stay as they are when it is wrong.

        Raises:
            ConfigurationError: as the constructor.
        """
        self._keys = _read_jwks(self.path, self._settings.algorithms)

    def identify(self, token: str) -> Principal:
        """Whose token this is.

        Raises:
            AccessError: UNAUTHENTICATED for one that is not the issuer's, not for this audience, or not valid now.
        """
        if len(token) > _LONGEST_TOKEN:
            raise _invalid(f"it has more than {_LONGEST_TOKEN} characters")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.InvalidTokenError, RecursionError) as error:
            raise _invalid("it is not a JSON Web Token") from error
        key = self._key_for(header)
        settings = self._settings
        try:
            claims = jwt.decode(
                token,
                key.key,
                # Of the key that was configured for it, and not what the token says.
                algorithms=[key.algorithm],
                issuer=settings.issuer,
                audience=settings.audience,
                leeway=settings.leeway_seconds,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise rejected("the token has expired; get a new one", Denial.EXPIRED_TOKEN) from error
        except jwt.MissingRequiredClaimError as error:
            raise _invalid(f"it has no {error.claim}") from error
        except jwt.ImmatureSignatureError as error:
            raise _invalid("it is not valid yet") from error
        except jwt.InvalidIssuerError as error:
            raise _invalid("another issuer made it") from error
        except jwt.InvalidAudienceError as error:
            raise _invalid("it is for another audience") from error
        except (jwt.InvalidTokenError, OverflowError) as error:
            raise _invalid("its signature or its claims are wrong") from error
        return Principal("jwt", _name(claims), _scopes(claims, settings.scope_prefix))

    def _key_for(self, header: dict[str, Any]) -> _PublicKey:
        if "crit" in header:
            raise _invalid("it has critical extensions, and none are known here")
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms:
            raise _invalid(f"its algorithm is not one of {', '.join(self._settings.algorithms)}")
        fit = [key for key in self._keys if key.algorithm == algorithm and key_id in (None, key.key_id)]
        if len(fit) != 1:
            raise _invalid(
                "it names no key, and several could be meant" if len(fit) > 1 else "no known key could have signed it"
            )
        return fit[0]


def _invalid(why: str) -> AccessError:
    return rejected(f"the token is not accepted: {why}", Denial.INVALID_TOKEN)


def _name(claims: dict[str, Any]) -> str:
    """The subject, or the client where a token has none; fit for a log line and a metric's label."""
    for claim in ("sub", "client_id", "azp"):
        value = claims.get(claim)
        if isinstance(value, str) and value:
            return "".join(letter if letter.isprintable() else "?" for letter in value[:_LONGEST_NAME])
    raise _invalid("it names no subject (sub, client_id or azp)")


def _scopes(claims: dict[str, Any], prefix: str) -> frozenset[Scope]:
    """From `scope` (RFC 8693: words between spaces) or `scp`, which providers write as words or as a list."""
    named: list[Any] = []
    for claim in ("scope", "scp"):
        value = claims.get(claim)
        if isinstance(value, str):
            named += value.split(" ")
        elif isinstance(value, list):
            named += value
    return frozenset(scope for scope in Scope if f"{prefix}{scope}" in named)


def _read_jwks(path: Path, algorithms: tuple[str, ...]) -> tuple[_PublicKey, ...]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"the token keys {path} can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"the token keys {path} are not JSON: {error}") from error
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ConfigurationError(f'the token keys {path} must be a JSON Web Key Set: {{"keys": [...]}}')
    found: list[_PublicKey] = []
    for index, jwk in enumerate(listed):
        found += _usable(jwk, algorithms, f"{path}, key {index}")
    if not found:
        raise ConfigurationError(f"the token keys {path} have none that verifies {', '.join(algorithms)}")
    pairs = [(key.key_id, key.algorithm) for key in found]
    for key_id, algorithm in pairs:
        if key_id is not None and pairs.count((key_id, algorithm)) > 1:
            raise ConfigurationError(f"the token keys {path} have two keys with the kid {key_id!r}")
    return tuple(found)


def _usable(jwk: Any, algorithms: tuple[str, ...], where: str) -> list[_PublicKey]:
    """The key for each algorithm that it may verify; none for a key that is for something else.

    Raises:
        ConfigurationError: a secret or private key, which has no place here, or one that is broken or weak.
    """
    if not isinstance(jwk, dict):
        raise ConfigurationError(f"{where} is not an object")
    if jwk.get("kty") == "oct" or "d" in jwk:
        raise ConfigurationError(f"{where} is a secret; the file must have public keys alone")
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        return []
    found = []
    for name in algorithms:
        kind, curve = _KEY_TYPES[name]
        if jwk.get("kty") != kind or curve not in (None, jwk.get("crv")) or jwk.get("alg", name) != name:
            continue
        algorithm = jwt.get_algorithm_by_name(name)
        try:
            key = algorithm.from_jwk(json.dumps(jwk))
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            raise ConfigurationError(f"{where} can't be read: {error}") from error
        if kind == "RSA" and key.key_size < _LEAST_RSA_BITS:
            raise ConfigurationError(f"{where} is an RSA key of fewer than {_LEAST_RSA_BITS} bits")
        key_id = jwk.get("kid")
        found.append(_PublicKey(key_id if isinstance(key_id, str) else None, name, key))
    return found
