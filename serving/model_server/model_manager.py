"""All served models: finds the version a request asks for, and keeps looking for new ones."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor

from serving.errors import Code, ServingError
from serving.model_server.loader import Loader
from serving.model_server.served_model import ServedModel
from serving.model_server.settings import ModelSettings, VersionPolicy
from serving.model_server.version_labels import VersionLabels
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
        allow_labels_for_unavailable: bool = False,
    ) -> None:
        """Nothing is loaded before `start`; see `ServedModel` and `VersionLabels` for the arguments."""
        models = tuple(models)
        self._loader = loader
        self._executor = executor
        self._poll_seconds = poll_seconds
        self._models = {settings.name: ServedModel(settings, loader, executor) for settings in models}
        self._labels = VersionLabels(models, self._is_available, allow_unavailable=allow_labels_for_unavailable)
        self._polling: dict[str, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._reloading = asyncio.Lock()

    @property
    def ready(self) -> bool:
        """Whether every model has a version that answers requests."""
        return all(model.available for model in self._models.values())

    def knows(self, name: str) -> bool:
        """Whether a model of this name is configured."""
        return name in self._models

    def start(self) -> None:
        """Begin to look for versions."""
        for model in self._models.values():
            self._start_polling(model)

    async def stop(self) -> None:
        """Stop looking, and unload everything after the requests under way."""
        for task in self._polling.values():
            task.cancel()
        await asyncio.gather(*self._polling.values(), return_exceptions=True)
        await asyncio.gather(*(model.close() for model in self._models.values()), *self._leaving)

    async def reload(self, models: Sequence[ModelSettings]) -> None:
        """Serve these models and no others; returns when the new ones are available.

        Models that stay keep their versions; which of them are served follows a changed policy at once.

        Raises:
            ServingError: FAILED_PRECONDITION when a label's version is not available, and nothing has changed; UNKNOWN
                when a new model did not become available, the others being served as configured.
        """
        async with self._reloading:
            self._labels.replace(models)
            wanted = {settings.name: settings for settings in models}
            for name in [name for name in self._models if name not in wanted]:
                self._remove(name)
            added = []
            for name, settings in wanted.items():
                if name in self._models:
                    self._models[name].reconfigure(settings)
                    continue
                added.append(ServedModel(settings, self._loader, self._executor))
                self._models[name] = added[-1]
                self._start_polling(added[-1])
            await asyncio.gather(*(model.tried.wait() for model in added))
        failed = [model for model in added if not model.available]
        if failed:
            reasons = "".join(f"{{{model.describe_failure()}}}, " for model in failed)
            raise ServingError(Code.UNKNOWN, f"{len(failed)} model(s) did not become available: {{{reasons}}}")

    async def load_for_labels(self, models: Sequence[ModelSettings]) -> None:
        """Also load what the labels of a coming configuration stand for; what is served now goes on being served.

        Raises:
            ServingError: as `reload`.
        """
        coming = []
        for settings in models:
            known = self._models.get(settings.name)
            wanted = frozenset(settings.version_labels.values()) | settings.version_policy.versions
            if known is None:
                coming.append(dataclasses.replace(settings, version_labels={}))
                continue
            policy = VersionPolicy("specific", versions=frozenset(known.available) | wanted)
            coming.append(
                dataclasses.replace(
                    settings,
                    version_policy=policy if policy.versions else settings.version_policy,
                    version_labels=self._labels.attached(settings.name),
                )
            )
        await self.reload(coming)

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
        return self._labels.version(spec.name, spec.version_label)

    def _is_available(self, name: str, version: int) -> bool:
        model = self._models.get(name)
        return model is not None and version in model.available

    def _start_polling(self, model: ServedModel) -> None:
        name = model.settings.name
        self._polling[name] = asyncio.create_task(self._poll(model), name=f"poll-{name}")

    def _remove(self, name: str) -> None:
        """Take a model out; it is unloaded when its requests have ended."""
        model, polling = self._models.pop(name), self._polling.pop(name)

        async def leave() -> None:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
            await model.close()

        task = asyncio.create_task(leave(), name=f"leave-{name}")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _poll(self, model: ServedModel) -> None:
        while True:
            try:
                await model.refresh()
            except Exception:  # noqa: BLE001 - what is loaded must go on serving, and the next look may succeed
                _log.exception("Looking for versions of %s failed", model.settings.name)
            model.tried.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds if self._poll_seconds > 0 else None):
                    await model.reconfigured.wait()
            model.reconfigured.clear()
