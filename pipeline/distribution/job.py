"""What worker processes are to run."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict

# The environment variable in which a worker process knows `workers_here`.
WORKERS_HERE = "DARKROOM_WORKERS_HERE"


def workers_here() -> int:
    """The processes on this machine that share its memory and cores with this one, itself included."""
    return int(os.environ.get(WORKERS_HERE, "1"))


class Job(BaseModel):
    """A function and its argument, in a form that any process can rebuild.

    Attributes:
        function: its import path, `package.module.name`.
        argument: the one JSON object that it takes.
        threads: cores for each worker's operations; 0 leaves them to TensorFlow.
        workers_here: processes on this machine, which share out its GPUs.
        place_here: this process's among them, from 0; None for its number in the cluster.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    function: str
    argument: dict[str, Any]
    threads: int = 0
    workers_here: int = 1
    place_here: int | None = None

    def load(self) -> Callable[[dict[str, Any]], None]:
        """The function."""
        module, _, name = self.function.rpartition(".")
        function: Callable[[dict[str, Any]], None] = getattr(importlib.import_module(module), name)
        return function
