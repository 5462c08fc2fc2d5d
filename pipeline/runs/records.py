"""What ML Metadata remembers of artifacts and nodes; read without TFX, whose import takes many seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class RecordedState(StrEnum):
    """How a node of a run ended."""

    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """An artifact.

    Attributes:
        id: in ML Metadata.
        type: such as `Examples`.
        uri: its folder.
        properties: its own and its custom ones.
    """

    id: int
    type: str
    uri: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A node of a run; one that was tried several times as its last try ended.

    Attributes:
        id: of the execution in ML Metadata.
        state: how it ended.
        started: when.
        seconds: how long it took.
        properties: what the component was given beside artifacts.
        inputs, outputs: artifacts by key.
    """

    id: int
    state: RecordedState
    started: datetime
    seconds: float
    properties: dict[str, Any]
    inputs: dict[str, list[ArtifactRecord]]
    outputs: dict[str, list[ArtifactRecord]]
