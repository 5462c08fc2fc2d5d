"""Looks at the model configuration file again and again, and applies what has changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from darkroom.errors import ConfigurationError
from serving.errors import Code, ServingError
from serving.model_server.model_config import read_model_config
from serving.model_server.model_manager import ModelManager
from serving.model_server.settings import ModelSettings

_log = logging.getLogger(__name__)


class ConfigWatcher:
    """A broken file, or one that asks for what is not possible now, changes nothing and is tried again."""

    def __init__(
        self, path: Path, models: ModelManager, served: Sequence[ModelSettings], *, poll_seconds: float
    ) -> None:
        """Nothing happens before `start`.

        Args:
            path: of the file.
            models: what follows it.
            served: what the file said when `models` was made of it; it may have changed since.
            poll_seconds: pause between looks.
        """
        self._path = path
        self._models = models
        self._served = tuple(served)
        self._poll_seconds = poll_seconds
        self._applied: bytes | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._poll(), name="poll-model-config")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                await self._look()
            except (ConfigurationError, ServingError) as error:
                _log.error("%s is not applied: %s", self._path, error)
            except Exception:  # noqa: BLE001 - what is served goes on, and the next look may succeed
                _log.exception("Applying %s failed", self._path)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        content = await loop.run_in_executor(None, self._content)
        if content == self._applied:
            return
        models = await loop.run_in_executor(None, read_model_config, self._path)
        if self._applied is None and models == self._served:
            self._applied = content
            return
        try:
            await self._models.reload(models)
        except ServingError as error:
            if error.code is not Code.FAILED_PRECONDITION:
                raise
            # A label wants a version that is not loaded. It is loaded beside the others, and a later look succeeds.
            _log.warning("%s waits: %s", self._path, error.message)
            await self._models.load_for_labels(models)
            return
        self._applied = content
        _log.info("%s is applied", self._path)

    def _content(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None
