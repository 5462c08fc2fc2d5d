"""Pointing a request at a version or a label."""

from __future__ import annotations

from serving.gateway.releases.settings import Target
from serving.protos import model_pb2


def point_at(spec: model_pb2.ModelSpec, target: Target) -> None:
    """Let `spec` name a version, or a label, in place of what it named."""
    if isinstance(target, int):
        spec.version.value = target
    else:
        spec.version_label = target
