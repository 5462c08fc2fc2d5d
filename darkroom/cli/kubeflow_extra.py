"""The extra `kubeflow`, which not everybody has installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from darkroom.errors import DarkroomError


@contextmanager
def kubeflow_needed() -> Iterator[None]:
    """Says what to install where imports in its body miss the Kubeflow Pipelines SDK."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"kfp", "kfp_server_api"}:
            raise
        raise DarkroomError(
            "The Kubeflow Pipelines SDK is not installed; it comes with the extra kubeflow: "
            "pip install 'darkroom[kubeflow]'"
        ) from error
