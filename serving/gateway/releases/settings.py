"""The `serving.releases` section of darkroom.yaml. It alone may change while the gateway runs."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

# A p99 of fewer requests than this is their maximum.
_LEAST_FOR_P99 = 100

# What HTTP allows in a header's name and gRPC in a metadata key, both in lower case.
_HEADER = re.compile(r"[a-z0-9_.-]{1,100}")

# What fits into TF Serving's path `/labels/L`, and is not read as a version.
_LABEL = re.compile(r"(?![0-9]+$)[^/:]{1,100}")


def _header(name: str) -> str:
    name = name.lower()
    if not _HEADER.fullmatch(name) or name.endswith("-bin") or name.startswith(":"):
        raise ValueError("must be a header's name of letters, digits, '_', '-' and '.', and must not end in '-bin'")
    return name


def _target(value: object) -> object:
    if type(value) is int and 1 <= value < 2**63:
        return value
    if isinstance(value, str) and _LABEL.fullmatch(value):
        return value
    raise ValueError("must be a version (a whole number from 1) or a label (text without '/' and ':', not a number)")


# A version number, or a label of the model server such as `stable`.
Target = Annotated[int | str, BeforeValidator(_target)]


class StopSettings(BaseModel):
    """When a canary's traffic goes back to stable by itself. A limit that is null is not looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        default=300.0, description="Time that is looked back on."
    )
    min_requests: Annotated[int, Field(ge=1)] = Field(
        default=100, description="Requests in the window, of the canary and of what it is compared with, to judge by."
    )
    max_error_rate: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Largest share of failed requests."
    )
    max_error_rate_above_stable: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=0.05, description="Largest share of failed requests above stable's: 0.05 lets 6 % fail where 1 % do."
    )
    latency: Literal["mean", "p99"] = Field(
        default="mean", description="Which latency of the answered requests is looked at."
    )
    max_latency_ms: Annotated[float, Field(gt=0)] | None = Field(default=None, description="Largest latency.")
    max_latency_of_stable: Annotated[float, Field(gt=0)] | None = Field(
        default=2.0, description="Largest latency as a multiple of stable's."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.latency == "p99" and self.min_requests < _LEAST_FOR_P99:
            raise ValueError(f"a p99 needs min_requests of at least {_LEAST_FOR_P99}")
        return self


class CanarySettings(BaseModel):
    """A version that answers a share of the requests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Target = Field(description="Version, or label of the model server.")
    weight: Annotated[float, Field(ge=0, le=1)] = Field(
        description="Share of the requests, from 0 to 1, that it answers."
    )
    stop: StopSettings | None = Field(
        default=StopSettings(), description="When its traffic goes back to stable by itself; null never stops it."
    )


class ShadowSettings(BaseModel):
    """A version that gets a share of the requests too, and whose answers are compared and thrown away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Target = Field(description="Version, or label of the model server.")
    share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1.0, description="Share of the answered requests, from 0 to 1, that it gets."
    )
    max_in_flight: Annotated[int, Field(ge=1)] = Field(
        default=8, description="Requests it works on at once; more are dropped and counted."
    )
    max_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=64 * 1024 * 1024, description="Bytes of these requests at once; more are dropped and counted."
    )
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(default=10.0, description="Time that one request gets.")


class ReleaseSettings(BaseModel):
    """Which version answers requests that name neither version nor label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stable: Target = Field(description="Version, or label of the model server, that answers what the canary does not.")
    canary: CanarySettings | None = Field(default=None, description="A version on trial.")
    shadow: ShadowSettings | None = Field(default=None, description="A version that is only compared.")
    sticky_header: Annotated[str, AfterValidator(_header)] | None = Field(
        default=None,
        description="REST header and gRPC metadata key whose value decides between stable and canary, so that a client "
        "stays with one; requests without it are assigned at random.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, other in (("canary", self.canary), ("shadow", self.shadow)):
            if other is not None and other.target == self.stable:
                raise ValueError(f"{name}.target and stable are both {self.stable}")
        return self

    def targets(self) -> tuple[int | str, ...]:
        """Every version and label that is named, stable first."""
        others = (arm.target for arm in (self.canary, self.shadow) if arm is not None)
        return tuple(dict.fromkeys((self.stable, *others)))
