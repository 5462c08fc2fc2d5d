"""What is known about one request while it is answered; metrics and the request log read it at the end."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from preprocessing.images.errors import Refusal
from preprocessing.images.header import ImageHeader
from serving.errors import Code, ServingError
from serving.gateway.security.caller import Caller

# What a client may choose as its request id: it goes into logs and headers as it stands.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

# gRPC rounds a deadline to its own timers' grain.
_CLOCK_SLACK_SECONDS = 0.02


def request_id_from(offered: str | None) -> str:
    """The client's own request id when it is fit for a log line, a new one otherwise."""
    if offered is not None and _REQUEST_ID.fullmatch(offered):
        return offered
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a model server was asked and what it answered.

    Attributes:
        method: of PredictionService.
        request, response: its messages.
        images: the encoded images in the request, in the order of `RequestRecord.images`.
    """

    method: str
    request: Any
    response: Any
    images: Sequence[bytes]


def _no_header(name: str) -> None:
    del name


@dataclass(slots=True)
class RequestRecord:
    """One request, from its arrival to its answer.

    Attributes:
        request_id: the client's `x-request-id`, or one made here.
        protocol: "rest" or "grpc".
        method: "predict", "infer", "classify", "regress", "multi_inference", "metadata" or "status"; "unknown" before
            routing.
        allowed_seconds: how long after its arrival the client stops caring.
        model, version, label, signature: what the client asked for; empty or None where it named nothing.
        answered_version: the version that answered, 0 before there is an answer.
        known_model, known_signature: whether a model server has confirmed these names. Only then may they become
            labels of metrics: a client can invent any number of others.
        images: the headers of the images that passed inspection.
        image_bytes: encoded size of these images, all together.
        refusal: why an image was refused.
        predicted: for each image of an answer its most probable class and how probable that is.
        exchange: the call to the model server that was answered; for who watches, and never logged as it is.
        timing_ms: where the time went.
        code: None for success.
        http_status: set by the REST adapter.
        error: the message that the client got.
        trace_context: the client's W3C `traceparent` and `tracestate`, as they came.
        trace_id: of the trace that this request belongs to; empty where it belongs to none.
        header: reads one of the request's headers (gRPC: metadata), by its name in lower case.
        arm: "stable" or "canary" where the request named no version and releases decided; else empty.
        caller: who sent it; None without authentication, and where that can't be told.
    """

    request_id: str
    protocol: str
    method: str
    allowed_seconds: float
    model: str = ""
    version: int | None = None
    label: str = ""
    signature: str = ""
    answered_version: int = 0
    known_model: bool = False
    known_signature: bool = False
    request_bytes: int = 0
    images: list[ImageHeader] = field(default_factory=list)
    image_bytes: list[int] = field(default_factory=list)
    refusal: Refusal | None = None
    predicted: list[tuple[str, float]] = field(default_factory=list)
    exchange: Exchange | None = None
    timing_ms: dict[str, float] = field(default_factory=dict)
    code: Code | None = None
    http_status: int | None = None
    error: str = ""
    trace_context: dict[str, str] = field(default_factory=dict)
    trace_id: str = ""
    header: Callable[[str], str | None] = _no_header
    arm: str = ""
    started: float = field(default_factory=time.monotonic)
    caller: Caller | None = None
    images_are_charged: bool = False

    def charge_images(self) -> None:
        """Count the images against their caller's rate, once however often the request is tried.

        Raises:
            RateLimitedError: when the caller must wait.
        """
        if self.caller is not None and not self.images_are_charged:
            self.images_are_charged = True
            self.caller.charge_images(len(self.images))

    @property
    def deadline(self) -> float:
        """`time.monotonic()` at which the time is up."""
        return self.started + self.allowed_seconds

    def remaining(self) -> float:
        """Seconds until the deadline.

        Raises:
            ServingError: DEADLINE_EXCEEDED when it has passed.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise self.deadline_exceeded()
        return left

    def is_late(self) -> bool:
        """Whether the deadline has passed, or is so near that another clock may say so."""
        return time.monotonic() > self.deadline - _CLOCK_SLACK_SECONDS

    def deadline_exceeded(self) -> ServingError:
        """The error for a request whose time is up; says how much it had."""
        return ServingError(
            Code.DEADLINE_EXCEEDED,
            f"the request's deadline of {self.allowed_seconds * 1000:.0f} ms has passed",
        )

    def elapsed_ms(self) -> float:
        """Milliseconds since the request arrived."""
        return (time.monotonic() - self.started) * 1000


def allowed_seconds(asked: float | None, *, default: float, longest: float) -> float:
    """What the client asked for, or `default` when it named nothing, and at most `longest`."""
    return min(default if asked is None else asked, longest)


# The units of gRPC's own header (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Timeout").
_TIMEOUT_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_GRPC_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])")
_DEADLINE_MS = re.compile(r"\d{1,12}(\.\d{1,6})?")


def deadline_seconds(headers: Mapping[str, str]) -> float | None:
    """The time a REST client allows: `x-deadline-ms` (milliseconds), else `grpc-timeout` in gRPC's notation.

    Raises:
        ServingError: INVALID_ARGUMENT for a value that is neither, or zero.
    """
    offered = headers.get("x-deadline-ms")
    if offered is not None:
        if not _DEADLINE_MS.fullmatch(offered) or float(offered) <= 0:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"x-deadline-ms must be a positive number of milliseconds, got {offered!r}"
            )
        return float(offered) / 1000
    offered = headers.get("grpc-timeout")
    if offered is None:
        return None
    found = _GRPC_TIMEOUT.fullmatch(offered)
    if found is None or int(found[1]) == 0:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"grpc-timeout must be up to 8 digits and one of H, M, S, m, u, n (such as 500m for half a second), "
            f"got {offered!r}",
        )
    return int(found[1]) * _TIMEOUT_UNITS[found[2]]
