"""One model and its versions: loads new ones while old ones serve, unloads old ones when nobody needs them."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor
from pathlib import Path

from serving.errors import Code, ServingError
from serving.model_server.loader import Loader
from serving.model_server.repository import ModelRepository, fingerprint
from serving.model_server.runner import Runner
from serving.model_server.settings import ModelSettings
from serving.model_server.versions import ModelVersion, ServableHandle, VersionState

_log = logging.getLogger(__name__)

# Versions that have ended stay in the status, as in TF Serving, but not for ever.
MAX_ENDED_VERSIONS = 100


class ServedModel:
    """The versions of one model. All methods run on the event loop; loading happens in `executor`."""

    def __init__(
        self,
        settings: ModelSettings,
        loader: Loader,
        executor: Executor,
    ) -> None:
        """Nothing is loaded before `refresh`.

        Args:
            settings: the model's name, folder and version policy.
            loader: loads a folder.
            executor: where loading and unloading run, with one thread, so that versions load one after another.
        """
        self.settings = settings
        self._loader = loader
        self._executor = executor
        self._versions: dict[int, ModelVersion] = {}
        self._unloading: set[asyncio.Task[None]] = set()
        self.looked = asyncio.Event()  # the folder was looked at and its versions tried
        self.tried = asyncio.Event()  # a first look has ended, well or not
        self.reconfigured = asyncio.Event()  # another look is due now

    @property
    def versions(self) -> list[ModelVersion]:
        """Every version that is or was there, newest first, as TF Serving lists them."""
        return [self._versions[number] for number in sorted(self._versions, reverse=True)]

    @property
    def available(self) -> list[int]:
        """The versions that answer requests, newest first."""
        return [version.number for version in self.versions if version.state is VersionState.AVAILABLE]

    def acquire(self, number: int | None) -> ServableHandle:
        """Hold a version for a request: the given one, or the newest.

        Raises:
            ServingError: NOT_FOUND when it is not available, UNAVAILABLE while the first version still loads.
        """
        available = self.available
        if number is None and available:
            number = available[0]
        if number in available:
            return ServableHandle(self.settings.name, self._versions[number])
        if not available and not self.looked.is_set():
            # TF Serving does not listen before this; a client that may retry must not be told "not found".
            raise ServingError(Code.UNAVAILABLE, f"Servable {self.settings.name} is still loading; try again soon")
        wanted = f"Latest({self.settings.name})" if number is None else f"Specific({self.settings.name}, {number})"
        raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")

    async def refresh(self) -> None:
        """Look at the folder once, load what should serve, then unload what should not.

        A version that fails to load stays out until its files change, and the policy chooses among the others: with
        `latest 1` the version before it stays, or is loaded at a start.
        """
        loop = asyncio.get_running_loop()
        settings = self.settings
        repository = ModelRepository(settings.name, settings.base_path)
        try:
            found = await loop.run_in_executor(None, repository.versions)
        except OSError as error:
            _log.error("Cannot read the versions of %s: %s; what is loaded goes on serving", self.settings.name, error)
            return
        if not found:
            if self.available:
                # An empty folder is far more often a lost mount than a wish to serve nothing.
                _log.warning("%s has no versions any more; %s stays loaded", self.settings.base_path, self.available)
            self.looked.set()
            return
        usable = await self._usable(found)
        aspired = settings.version_policy.select(usable)
        while pending := sorted(number for number in aspired if not self._is_up(number)):
            if not await self._load(pending[-1], usable[pending[-1]]):
                del usable[pending[-1]]
                aspired = settings.version_policy.select(usable)
        self.looked.set()
        if any(number in aspired for number in self.available):
            for number in self.available:
                if number not in aspired:
                    self._start_unload(self._versions[number])
        self._forget_old(found)

    def reconfigure(self, settings: ModelSettings) -> None:
        """Follow another folder or version policy from the next look on, which is due now."""
        if settings != self.settings:
            self.settings = settings
            self.reconfigured.set()

    def describe_failure(self) -> str:
        """Why nothing is available, in TF Serving's words."""
        failed = [version for version in self.versions if version.error is not None]
        if not failed:
            return f"name: {self.settings.name} has no versions in {self.settings.base_path}"
        return f"name: {self.settings.name} version: {failed[0].number} due to error: {failed[0].error}"

    async def close(self) -> None:
        """Unload everything, waiting for requests under way."""
        for number in self.available:
            self._start_unload(self._versions[number])
        await asyncio.gather(*self._unloading)

    def _is_up(self, number: int) -> bool:
        version = self._versions.get(number)
        return version is not None and version.state is VersionState.AVAILABLE

    async def _usable(self, found: dict[int, Path]) -> dict[int, Path]:
        """The versions without those that failed to load and have not changed since."""
        loop = asyncio.get_running_loop()
        usable = dict(found)
        for number, path in found.items():
            version = self._versions.get(number)
            if version is None or version.failed_fingerprint is None:
                continue
            if await loop.run_in_executor(None, fingerprint, path) == version.failed_fingerprint:
                del usable[number]
        return usable

    async def _load(self, number: int, path: Path) -> bool:
        """Load one version; returns whether it is available now."""
        previous = self._versions.get(number)
        if previous is not None and previous.state is VersionState.UNLOADING:
            await asyncio.gather(*self._unloading)  # the folder went and came back
        version = ModelVersion(number, path)
        self._versions[number] = version
        self._set_state(version, VersionState.LOADING)
        loop = asyncio.get_running_loop()
        before = await loop.run_in_executor(None, fingerprint, path)
        loading = loop.run_in_executor(self._executor, self._loader.load, path)
        try:
            version.runner = await asyncio.shield(loading)
        except ServingError as error:
            version.error = error
            version.failed_fingerprint = before
            self._set_state(version, VersionState.END)
            _log.error("Version %d of %s failed to load: %s", number, self.settings.name, error)
            return False
        except asyncio.CancelledError:
            loading.add_done_callback(_close_unwanted)
            raise
        self._set_state(version, VersionState.AVAILABLE)
        return True

    def _start_unload(self, version: ModelVersion) -> None:
        # In a task of its own: one slow request must not keep the next version from being noticed.
        self._set_state(version, VersionState.UNLOADING)
        task = asyncio.create_task(self._unload(version), name=f"unload-{self.settings.name}-{version.number}")
        self._unloading.add(task)
        task.add_done_callback(self._unloading.discard)

    async def _unload(self, version: ModelVersion) -> None:
        await version.idle.wait()
        runner, version.runner = version.runner, None
        if runner is not None:
            await asyncio.get_running_loop().run_in_executor(self._executor, runner.close)
        self._set_state(version, VersionState.END)

    def _forget_old(self, found: dict[int, Path]) -> None:
        ended = [version for version in self.versions if version.state is VersionState.END]
        for version in ended[MAX_ENDED_VERSIONS:]:
            if version.number not in found:
                del self._versions[version.number]

    def _set_state(self, version: ModelVersion, state: VersionState) -> None:
        version.state = state
        _log.info("%s version %d: %s", self.settings.name, version.number, state.name)


def _close_unwanted(loading: asyncio.Future[Runner]) -> None:
    """Close what a cancelled load still produced."""
    if not loading.cancelled() and loading.exception() is None:
        loading.result().close()
