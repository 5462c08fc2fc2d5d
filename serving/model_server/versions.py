"""The life of one version of a model."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from serving.errors import ServingError
from serving.model_server.runner import Runner
from serving.protos import get_model_status_pb2

_State = get_model_status_pb2.ModelVersionStatus


class VersionState(Enum):
    """TF Serving's states; the values are those of `ModelVersionStatus.State`."""

    START = _State.START
    LOADING = _State.LOADING
    AVAILABLE = _State.AVAILABLE
    UNLOADING = _State.UNLOADING
    END = _State.END


@dataclass(slots=True)
class ModelVersion:
    """One version; read and written on the event loop only.

    Attributes:
        number: the version.
        path: its folder.
        state: where it is in its life.
        error: why it ended, when it failed to load.
        runner: what runs its signatures, while AVAILABLE or UNLOADING.
        failed_fingerprint: of the folder, when it failed to load.
        in_flight: requests that hold it.
        idle: set while `in_flight` is 0.
    """

    number: int
    path: Path
    state: VersionState = VersionState.START
    error: ServingError | None = None
    runner: Runner | None = None
    failed_fingerprint: int | None = None
    in_flight: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.idle.set()


class ServableHandle:
    """Holds a version loaded while a request uses it. Call `release` once, on the event loop."""

    def __init__(self, model_name: str, version: ModelVersion) -> None:
        if version.runner is None:
            raise RuntimeError(f"Version {version.number} of {model_name} has no runner in state {version.state}")
        self.model_name = model_name
        self.version = version.number
        self.runner: Runner = version.runner
        self._held: ModelVersion | None = version
        version.in_flight += 1
        version.idle.clear()

    def release(self) -> None:
        """Let go of the version."""
        held, self._held = self._held, None
        if held is None:
            return
        held.in_flight -= 1
        if held.in_flight == 0:
            held.idle.set()
