"""What the model server is told at start. Imports no TensorFlow, so that `--help` is fast."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from serving.model_server.batching.settings import BatchingSettings
from serving.model_server.tls import TlsSettings
from serving.model_server.tracing.settings import TracingSettings

# PrometheusExporter::kPrometheusPath.
METRICS_PATH = "/monitoring/prometheus/metrics"


@dataclass(frozen=True, slots=True)
class VersionPolicy:
    """Which versions of a model are kept loaded, as in TF Serving's `model_version_policy`.

    Attributes:
        kind: the `latest` ones, `all`, or `specific` ones.
        count: how many, for `latest`.
        versions: which, for `specific`.
    """

    kind: Literal["latest", "all", "specific"] = "latest"
    count: int = 1
    versions: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if self.kind == "latest" and self.count < 1:
            raise ValueError(f"The version policy 'latest' needs a count of at least 1, not {self.count}")
        if self.kind == "specific" and not self.versions:
            raise ValueError("The version policy 'specific' needs at least one version")

    def select(self, available: Collection[int]) -> set[int]:
        """The versions to load of those that can be."""
        if self.kind == "all":
            return set(available)
        if self.kind == "specific":
            return set(available) & self.versions
        return set(sorted(available)[-self.count :])


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """One served model.

    Attributes:
        name: what clients call it.
        base_path: the folder with the version folders, or the folder above it (see `repository.ModelRepository`).
        version_policy: which versions stay loaded.
        version_labels: names for versions, such as `stable`.
    """

    name: str
    base_path: Path
    version_policy: VersionPolicy = field(default_factory=VersionPolicy)
    version_labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelServerSettings:
    """The whole server.

    Attributes:
        models: what is served.
        host: the address to listen on. The protocol has no authentication, so only this machine by default; TF Serving
            listens on all addresses.
        port: gRPC; 0 takes a free one, None listens on no port.
        rest_port: HTTP; 0 takes a free one, None serves no REST.
        grpc_socket_path: a Unix socket for gRPC.
        grpc_channel_arguments: gRPC's own options, such as `grpc.max_connection_age_ms`.
        tls: of gRPC, the socket included; None speaks plain text. As in TF Serving, REST has no TLS.
        metrics_path: of the Prometheus metrics in REST; None serves none.
        poll_seconds: pause between looks at the file system; 0 looks once, at start, as TF Serving does.
        rest_timeout_seconds: how long a REST request may take (TF Serving's default is 30 s).
        inference_threads: requests that run at the same time; each may use all of TensorFlow's threads.
        intra_op_threads: TensorFlow's threads inside one operation; 0 leaves it to TensorFlow.
        inter_op_threads: TensorFlow's threads across operations; 0 leaves it to TensorFlow.
        enable_warmup: replay assets.extra/tf_serving_warmup_requests before a version becomes available.
        warmup_iterations: how often each of them is replayed.
        drain_seconds: how long requests under way may take after SIGTERM.
        batching: how requests become batches; None runs each by itself.
        config_file: a `ModelServerConfig` text proto that `models` was read from.
        config_poll_seconds: pause between looks at `config_file`; 0 reads it once.
        allow_labels_for_unavailable: attach labels to versions that are not available yet.
        tracing: where spans of inference requests go; None traces nothing.
    """

    models: tuple[ModelSettings, ...]
    host: str = "127.0.0.1"
    port: int | None = 8500
    rest_port: int | None = 8501
    grpc_socket_path: Path | None = None
    grpc_channel_arguments: Mapping[str, int | str] = field(default_factory=dict)
    tls: TlsSettings | None = None
    metrics_path: str | None = METRICS_PATH
    poll_seconds: float = 1.0
    rest_timeout_seconds: float = 30.0
    inference_threads: int = field(default_factory=lambda: max(4, 2 * (os.cpu_count() or 1)))
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    enable_warmup: bool = True
    warmup_iterations: int = 1
    drain_seconds: float = 30.0
    batching: BatchingSettings | None = None
    config_file: Path | None = None
    config_poll_seconds: float = 0.0
    allow_labels_for_unavailable: bool = False
    tracing: TracingSettings | None = None

    def __post_init__(self) -> None:
        if self.port is None and self.grpc_socket_path is None:
            raise ValueError("The model server needs a port or a socket path for gRPC")
        if self.metrics_path is not None and not self.metrics_path.startswith("/"):
            raise ValueError(f"The path of the metrics must begin with a slash, not {self.metrics_path}")
        names = [model.name for model in self.models]
        if (not names and self.config_file is None) or len(set(names)) != len(names):
            raise ValueError(f"The model server needs models with different names, not {names}")
        for name, least in (
            ("poll_seconds", 0),
            ("config_poll_seconds", 0),
            ("rest_timeout_seconds", 0.001),
            ("drain_seconds", 0),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")
        for name, least in (("inference_threads", 1), ("intra_op_threads", 0), ("inter_op_threads", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")
        if self.warmup_iterations < 1:
            raise ValueError(f"warmup_iterations must be at least 1, not {self.warmup_iterations}")
