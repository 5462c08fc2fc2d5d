"""The gateway's settings: the `serving:` section of darkroom.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from preprocessing.images.limits import ImageLimits
from serving.backend_tls.settings import BackendTlsSettings
from serving.gateway.balancing.settings import BalancingSettings
from serving.gateway.drift.settings import DriftSettings
from serving.gateway.releases.settings import ReleaseSettings
from serving.gateway.security.settings import AuthenticationSettings, TlsSettings
from serving.gateway.tracing.settings import TracingSettings
from serving.prediction_log.settings import PredictionLogSettings

_ALLOWED_HOST = r"^(\*\.)?([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?$"


class LogSettings(BaseModel):
    """What the gateway writes about the requests it answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: Literal["all", "errors", "none"] = Field(
        default="all", description="Which requests get a JSON line in the request log: all, only failed ones, or none."
    )
    path: str | None = Field(
        default=None, description="File that the request log is appended to; without it, standard error."
    )
    format: Literal["text", "json"] = Field(
        default="text",
        description="What everything else on standard error is: text for people, or a line of JSON for each message.",
    )


class ImageUrlSettings(BaseModel):
    """Whether requests may name images by URL, and where those may lie. Private addresses never are allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allowed_hosts: tuple[Annotated[str, Field(pattern=_ALLOWED_HOST)], ...] = Field(
        default=(),
        description="Hosts that images may be fetched from: `images.example.org`, `*.example.org` for those below it, "
        "with `:port` for another port than the usual one. Empty refuses every URL.",
    )
    allow_http: bool = Field(default=False, description="Fetch from http:// too, which anybody on the way can change.")
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        default=5.0, description="Time in which an image must have arrived, redirects included."
    )
    max_redirects: Annotated[int, Field(ge=0, le=10)] = Field(
        default=3, description="Redirects that are followed; each must lead to an allowed host."
    )


class GatewaySettings(BaseModel):
    """Everything the gateway can be told. Ports may be 0: the system chooses and the gateway says which."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    host: str = Field(default="127.0.0.1", description="Address that the gateway listens on, REST and gRPC.")
    rest_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        default=8080, description="Port of REST, health and metrics; 0 chooses a free one."
    )
    grpc_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        default=9000, description="Port of gRPC; 0 chooses a free one."
    )
    tls: TlsSettings | None = Field(default=None, description="TLS of both ports; null speaks plain text.")
    authentication: AuthenticationSettings = Field(
        default=AuthenticationSettings(), description="Who may ask, and how much."
    )
    model_name: str | None = Field(
        default=None,
        min_length=1,
        description="Model whose availability decides readiness; without it, the model's name in the configuration.",
    )
    backends: tuple[str, ...] = Field(
        default=(),
        description="gRPC addresses (host:port) of running TF Serving servers; empty starts the embedded model server.",
    )
    backend_tls: BackendTlsSettings | None = Field(
        default=None, description="TLS of the calls to `backends`; null speaks plain text."
    )
    default_deadline_seconds: Annotated[float, Field(gt=0)] = Field(
        default=30.0, description="Time a request may take when its client names no deadline."
    )
    max_deadline_seconds: Annotated[float, Field(gt=0)] = Field(
        default=300.0, description="Longest deadline a client may ask for; longer ones are cut to it."
    )
    head_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        default=10.0,
        description="Time in which the head of a REST request must be complete, and a TLS handshake of gRPC done.",
    )
    max_connections: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="Open REST connections; more are told 503 and closed. Null is what the limit of open files allows.",
    )
    body_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        default=30.0, description="Time in which a REST request's body must have arrived."
    )
    top_k: Annotated[int, Field(ge=1, le=100)] = Field(
        default=5, description="Classes in an image answer when the request names no number."
    )
    image_inputs: tuple[str, ...] = Field(
        default=("image_bytes",),
        description="Names of string inputs that carry encoded images; these are inspected before they are forwarded.",
    )
    verify_images: bool = Field(
        default=True,
        description="Decode every image strictly beside the model call, to refuse damage that decoders pass over.",
    )
    verify_threads: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2, description="Threads that verify images; each holds one decoded image at a time."
    )
    limits: ImageLimits = Field(default=ImageLimits(), description="Bounds on each image.")
    image_urls: ImageUrlSettings = Field(
        default=ImageUrlSettings(), description="Images that a request names by URL; off unless hosts are listed."
    )
    max_images_per_request: Annotated[int, Field(ge=1)] = Field(default=64, description="Most images in one request.")
    # An image of the largest accepted size (32 MiB) as base64 inside JSON takes 43 MiB.
    max_request_bytes: Annotated[int, Field(ge=1024, le=2**31 - 1)] = Field(
        default=64 * 1024 * 1024, description="Largest request, in bytes: a REST body or a gRPC message."
    )
    max_concurrent_requests: Annotated[int, Field(ge=1)] = Field(
        default=64, description="Requests worked on at once; more are turned away with 429 or RESOURCE_EXHAUSTED."
    )
    max_queue_seconds: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="Time that a request may wait until one of those is answered, which smooths bursts; 0 turns it "
        "away at once.",
    )
    max_loop_lag_seconds: Annotated[float, Field(gt=0)] | None = Field(
        default=0.02,
        description="Lateness of the gateway's own event loop above which fewer requests are worked on at once, until "
        "it keeps up again; null never takes fewer.",
    )
    max_buffered_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=512 * 1024 * 1024,
        description="Request bytes held at once over all REST requests; more are turned away as overload.",
    )
    retry_after_seconds: Annotated[int, Field(ge=1)] = Field(
        default=1, description="What a request that was turned away is told to wait, in Retry-After."
    )
    drain_delay_seconds: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="Time between turning unready and refusing requests, so that load balancers notice first.",
    )
    drain_seconds: Annotated[float, Field(ge=0)] = Field(
        default=30.0, description="Time that requests in flight get to finish when the gateway stops."
    )
    status_poll_seconds: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="Time between two looks at the model's status in a backend."
    )
    metrics_max_classes: Annotated[int, Field(ge=0)] = Field(
        default=200, description="Most classes with a counter of their own for each model; the rest count as 'other'."
    )
    log: LogSettings = Field(default=LogSettings(), description="The request log.")
    prediction_log: PredictionLogSettings = Field(
        default=PredictionLogSettings(), description="Requests and answers kept on disk, to label and to retrain on."
    )
    drift: DriftSettings = Field(
        default=DriftSettings(), description="Statistics of images and predictions against those stored with the model."
    )
    tracing: TracingSettings = Field(default=TracingSettings(), description="OpenTelemetry traces.")
    reload_seconds: Annotated[float, Field(ge=0)] = Field(
        default=2.0,
        description="Time between two looks at the files that may change while the gateway runs: certificates, keys, "
        "and the configuration file for its `releases`; 0 looks on SIGHUP alone.",
    )
    balancing: BalancingSettings = Field(
        default=BalancingSettings(), description="How several model servers share the requests."
    )
    releases: ReleaseSettings | None = Field(
        default=None,
        description="Which version answers requests that name none; null leaves it to the model server, which takes "
        "the newest. Changes of this section are followed while the gateway runs.",
    )
