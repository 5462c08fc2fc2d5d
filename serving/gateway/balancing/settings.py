"""The `serving.balancing` section of darkroom.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class EjectionSettings(BaseModel):
    """When a model server gets no requests for a while although others send it there. Needs at least two of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    consecutive_failures: Annotated[int, Field(ge=1)] | None = Field(
        default=5,
        description="Calls in a row that it did not answer (unavailable, or out of time after a second at least); null "
        "does not count them.",
    )
    interval_seconds: Annotated[float, Field(gt=0)] = Field(
        default=10.0, description="Time over which servers are compared with each other."
    )
    min_requests: Annotated[int, Field(ge=1)] = Field(
        default=20, description="Calls in an interval that a server needs to be compared."
    )
    max_failure_rate_above_others: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=0.2, description="Largest share of failed calls above the others' median; null does not compare it."
    )
    max_latency_of_others: Annotated[float, Field(gt=1)] | None = Field(
        default=4.0, description="Largest mean latency as a multiple of the others' median; null does not compare it."
    )
    base_seconds: Annotated[float, Field(gt=0)] = Field(
        default=5.0, description="First ejection; each further one doubles, and each good interval takes one back."
    )
    max_seconds: Annotated[float, Field(gt=0)] = Field(default=300.0, description="Longest ejection.")
    max_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.5, description="Largest share of the servers that is ejected at once; 0 ejects none."
    )


class RetrySettings(BaseModel):
    """When a call that no model server has answered goes to another one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_per_request: Annotated[int, Field(ge=0, le=10)] = Field(
        default=2, description="Further servers that one request tries."
    )
    share: Annotated[float, Field(ge=0, le=1)] = Field(default=0.1, description="Retries for each request, over time.")
    min_per_second: Annotated[float, Field(ge=0)] = Field(
        default=3.0, description="Retries that are allowed beside that share, so that few requests can be retried too."
    )


class BalancingSettings(BaseModel):
    """How the gateway deals with several model servers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ejection: EjectionSettings = Field(
        default=EjectionSettings(), description="Leaving out servers that fail or are slow."
    )
    retries: RetrySettings = Field(default=RetrySettings(), description="Asking another server.")
