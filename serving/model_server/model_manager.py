"""All served models: finds the version a request asks for, and keeps looking for new ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from concurrent.futures import Executor

from serving.errors import Code, ServingError
from serving.model_server.loader import Loader
from serving.model_server.served_model import ServedModel
from serving.model_server.settings import ModelSettings
from serving.model_server.versions import ModelVersion, ServableHandle
from serving.protos import model_pb2

_log = logging.getLogger(__name__)


class ModelManager:
    """The served models by name. All methods run on the event loop."""

    def __init__(
        self,
        models: Iterable[ModelSettings],
        loader: Loader,
        executor: Executor,
        *,
        poll_seconds: float,
    ) -> None:
        """Nothing is loaded before `start`; see `ServedModel` for the arguments."""
        self._models = {settings.name: ServedModel(settings, loader, executor) for settings in models}
        self._poll_seconds = poll_seconds
        self._polling: list[asyncio.Task[None]] = []

    @property
    def ready(self) -> bool:
        """Whether every model has a version that answers requests."""
        return all(model.available for model in self._models.values())

    def knows(self, name: str) -> bool:
        """Whether a model of this name is configured."""
        return name in self._models

    def start(self) -> None:
        """Begin to look for versions."""
        self._polling = [
            asyncio.create_task(self._poll(model), name=f"poll-{name}") for name, model in self._models.items()
        ]

    async def stop(self) -> None:
        """Stop looking, and unload everything after the requests under way."""
        for task in self._polling:
            task.cancel()
        await asyncio.gather(*self._polling, return_exceptions=True)
        await asyncio.gather(*(model.close() for model in self._models.values()))

    def acquire(self, spec: model_pb2.ModelSpec) -> ServableHandle:
        """Hold the version that a request names, by number, by label, or the newest.

        Raises:
            ServingError: NOT_FOUND for an unknown model or version, INVALID_ARGUMENT for an unknown label or no name,
                UNAVAILABLE while the first version loads.
        """
        number = self._number(spec)
        model = self._models.get(spec.name)
        if model is not None:
            return model.acquire(number)
        wanted = f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})"
        raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")

    def statuses(self, spec: model_pb2.ModelSpec) -> list[ModelVersion]:
        """The versions of a model, or the one that the request names.

        Raises:
            ServingError: NOT_FOUND when there is none, INVALID_ARGUMENT for an unknown label.
        """
        number = self._number(spec)
        model = self._models.get(spec.name)
        versions = model.versions if model is not None else []
        if number is not None:
            versions = [version for version in versions if version.number == number]
            if not versions:
                raise ServingError(Code.NOT_FOUND, f"Could not find version {number} of model {spec.name}")
        if not versions:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {spec.name}")
        return versions

    def _number(self, spec: model_pb2.ModelSpec) -> int | None:
        """The version number that a request asks for, None for the newest."""
        if not spec.name:
            raise ServingError(Code.INVALID_ARGUMENT, "ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        if choice is None:
            return None
        if choice == "version":
            return spec.version.value
        model = self._models.get(spec.name)
        labels = model.settings.version_labels if model is not None else {}
        if spec.version_label not in labels:
            raise ServingError(Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {spec.version_label}")
        return labels[spec.version_label]

    async def _poll(self, model: ServedModel) -> None:
        while True:
            try:
                await model.refresh()
            except Exception:  # noqa: BLE001 - what is loaded must go on serving, and the next look may succeed
                _log.exception("Looking for versions of %s failed", model.settings.name)
            if self._poll_seconds <= 0:
                return
            await asyncio.sleep(self._poll_seconds)
