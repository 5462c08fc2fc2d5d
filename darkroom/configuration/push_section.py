"""The `push` section of `darkroom.yaml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.configuration.section import Section
from serving.backend_tls.settings import BackendTlsSettings


class PushSection(Section):
    """Where blessed models go, and which servers are told what is stable."""

    repository: str = Field(
        default="models",
        description="The model repository: versions are written to `<repository>/<model name>/<version>/`. A folder, a "
        "mounted volume, or a URL that TensorFlow's file systems open (`gs://`).",
    )
    allow_label_change: bool = Field(
        default=False,
        description="Push a model whose labels, or their order, differ from those of the last pushed version.",
    )
    model_servers: tuple[str, ...] = Field(
        default=(),
        description="gRPC addresses (`HOST:PORT`) of running model servers that `darkroom models` tells at once. A "
        "name of several IP addresses (a headless Service) is as many servers.",
    )
    model_servers_tls: BackendTlsSettings | None = Field(
        default=None, description="TLS of the calls to `model_servers`; null speaks plain text."
    )
    served_path: str | None = Field(
        default=None,
        description="Where these model servers see the repository, if it is mounted elsewhere there; null is here.",
    )
    keep_previous: bool = Field(
        default=True,
        description="Keep the version that was stable before loaded, so that `darkroom models rollback` takes effect "
        "at once. It costs its memory.",
    )
    load_seconds: Annotated[float, Field(gt=0)] = Field(
        default=300.0, description="How long a model server may take to load a version that is promoted."
    )
