"""The settings of TLS and of authentication, inside the `serving:` section of darkroom.yaml."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Asymmetric ones alone: with HMAC whoever can verify a token can also make one, and a public key could be taken for its
# secret (RFC 8725, section 2.1). "none" is no algorithm.
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]

_Rate = Annotated[float, Field(gt=0)]
_Burst = Annotated[int, Field(ge=1)]


class TlsSettings(BaseModel):
    """TLS of both ports. Files are PEM, and are read again when they change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate_file: str = Field(min_length=1, description="The gateway's certificate, with its chain, PEM.")
    key_file: str = Field(min_length=1, description="The certificate's private key, PEM, without a password.")
    client_ca_file: str | None = Field(
        default=None,
        min_length=1,
        description="Authorities, PEM, one of which must have signed a client's certificate (mTLS); without it, "
        "clients need none.",
    )


class RateLimitSettings(BaseModel):
    """How much one key may ask for; a token bucket each for requests and for images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_second: _Rate | None = Field(default=None, description="Requests a key may send; null is no limit.")
    request_burst: _Burst | None = Field(
        default=None, description="Requests that may come at once; null is what one second allows, at least 1."
    )
    images_per_second: _Rate | None = Field(default=None, description="Images a key may send; null is no limit.")
    image_burst: _Burst | None = Field(
        default=None, description="Images that may come at once; null is what one second allows, at least 1."
    )

    @model_validator(mode="after")
    def _burst_needs_rate(self) -> Self:
        for rate, burst in (("requests_per_second", "request_burst"), ("images_per_second", "image_burst")):
            if getattr(self, burst) is not None and getattr(self, rate) is None:
                raise ValueError(f"{burst} without {rate} limits nothing")
        return self


class JwtSettings(BaseModel):
    """Tokens of an identity provider (RFC 7519), as OAuth 2 access tokens are (RFC 9068)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(min_length=1, description="What `iss` must be.")
    audience: str = Field(min_length=1, description="What `aud` must be or contain.")
    jwks_file: str = Field(
        min_length=1, description="The issuer's public keys, a JSON Web Key Set; read again when it changes."
    )
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = Field(
        default=("RS256", "ES256"), description="Algorithms that a token may be signed with."
    )
    leeway_seconds: Annotated[float, Field(ge=0, le=300)] = Field(
        default=30.0, description="How far the issuer's clock may be off, for `exp` and `nbf`."
    )
    scope_prefix: str = Field(
        default="", description="What stands before predict, status and admin in `scope` or `scp`, such as `darkroom:`."
    )


class AuthenticationSettings(BaseModel):
    """Who may ask. Without api_keys_file and jwt, everybody who reaches the ports may."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_keys_file: str | None = Field(
        default=None,
        min_length=1,
        description="File of hashed API keys that `darkroom api-key` writes; read again when it changes.",
    )
    jwt: JwtSettings | None = Field(default=None, description="Tokens of an identity provider.")
    rate_limit: RateLimitSettings = Field(
        default=RateLimitSettings(), description="For each key or token subject that has no limit of its own."
    )
    protect_metrics: bool = Field(default=False, description="Whether /metrics needs the scope status.")
    admin_calls: bool = Field(
        default=False,
        description="Whether callers with the scope admin may change the model servers (HandleReloadConfigRequest).",
    )

    @property
    def enabled(self) -> bool:
        """Whether callers must say who they are."""
        return self.api_keys_file is not None or self.jwt is not None

    @model_validator(mode="after")
    def _needs_callers(self) -> Self:
        if self.enabled:
            return self
        for name in ("rate_limit", "protect_metrics", "admin_calls"):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} needs api_keys_file or jwt: without them nobody can be told from anybody")
        return self
