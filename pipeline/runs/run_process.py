"""The process that carries out a run on one machine, so that others can tell whether it still lives."""

from __future__ import annotations

import os
import platform

import psutil
from pydantic import BaseModel, ConfigDict

# By which two readings of one process's start may differ; another process that got its number began later than that.
_START_SECONDS = 1.0


class RunProcess(BaseModel):
    """A process.

    Attributes:
        host: the machine's name.
        pid: its number there.
        started: when, in seconds since the epoch.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: str
    pid: int
    started: float

    @classmethod
    def current(cls) -> RunProcess:
        """This one."""
        return cls(host=platform.node(), pid=os.getpid(), started=psutil.Process().create_time())

    @property
    def is_gone(self) -> bool:
        """Whether it has surely ended; of another machine's nothing is known."""
        if self.host != platform.node():
            return False
        try:
            process = psutil.Process(self.pid)
            is_another = abs(process.create_time() - self.started) > _START_SECONDS
            return is_another or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
