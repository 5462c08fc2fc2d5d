"""A model of a repository with everything that may be done to it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from darkroom.errors import ConfigurationError, DataError
from serving.model_repository.audit_log import BEGUN, AuditLog, AuditRecord
from serving.model_repository.labelling import LOCK_FILE, LOCK_SECONDS, Change, Labelling
from serving.model_repository.labels import STABLE, promoted, rolled_back
from serving.model_repository.model_config_file import (
    labels_of,
    list_models,
    read_config,
    wanted_versions,
    write_config,
)
from serving.model_repository.model_servers import ModelServers
from serving.model_repository.storage import Storage, complete_versions

_DESCRIPTION = "assets.extra/darkroom.json"

# A model that is pushed already waits longer, rather than let the run fail behind it.
_PUSH_LOCK_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class ModelVersionFacts:
    """A version that can be loaded.

    Attributes:
        version: its number.
        labels: what it is called.
        size_bytes: of its folder.
        description: `assets.extra/darkroom.json`; None for a model that Darkroom did not export.
    """

    version: int
    labels: tuple[str, ...]
    size_bytes: int
    description: dict[str, Any] | None


class ModelVersions:
    """The versions of one model, their labels, and the log of what was done to them.

    Changes exclude each other by a lock, and are written to the log before they begin.
    """

    def __init__(
        self,
        storage: Storage,
        model: str,
        *,
        served_path: str | None = None,
        servers: ModelServers | None = None,
        load_seconds: float = 300.0,
    ) -> None:
        """Nothing is read yet.

        Args:
            storage: of the repository.
            model: its name.
            served_path: where model servers see the repository; None is where it is.
            servers: running ones, which are told of changes.
            load_seconds: how long they may take to load a version.
        """
        self._storage = storage
        self._served_path = served_path
        self._servers = servers or ModelServers(())
        self._audit = AuditLog(storage)
        self._labelling = Labelling(
            storage, model, self._audit, servers=self._servers, served_path=served_path, load_seconds=load_seconds
        )
        self.model = model

    def versions(self) -> list[int]:
        """The versions that can be loaded, ascending."""
        return complete_versions(self._storage, self.model)

    def labels(self) -> dict[str, int]:
        """The labels that stand."""
        return labels_of(read_config(self._storage), self.model)

    def history(self) -> list[AuditRecord]:
        """What was done, oldest first."""
        return self._audit.records(self.model)

    def loaded(self) -> set[int]:
        """The versions that a server which follows the model configuration file keeps loaded."""
        return wanted_versions(read_config(self._storage), self.model, self.versions())

    def facts(self, version: int) -> ModelVersionFacts:
        """What a version is.

        Raises:
            DataError: there is no such version.
        """
        self._check_exists(version)
        labels = tuple(sorted(label for label, number in self.labels().items() if number == version))
        folder = f"{self.model}/{version}"
        description = self._storage.read(f"{folder}/{_DESCRIPTION}")
        return ModelVersionFacts(
            version, labels, self._storage.size(folder), json.loads(description) if description is not None else None
        )

    def promote(
        self, version: int | None, label: str = STABLE, *, why: str | None = None, keep_previous: bool = True
    ) -> Change:
        """Lets a label stand for a version.

        Args:
            version: None takes the newest.
            label: `stable` or `canary`.
            why: for the log.
            keep_previous: whether what was stable stays loaded.

        Raises:
            DataError: there is no such version, or the labels' rules forbid it.
            DarkroomError: a model server did not follow; then the labels are as they were.
        """

        def plan(labels: dict[str, int]) -> dict[str, int]:
            found = version if version is not None else max(self.versions(), default=None)
            if found is None:
                raise DataError(f"{self.model} has no version in {self._storage.location}")
            self._check_exists(found)
            return promoted(labels, found, label, keep_previous=keep_previous)

        return self._labelling.change("promote", label, plan, why)

    def rollback(self, *, why: str | None = None) -> Change:
        """Lets stable stand for the version before (see `labels.rolled_back`).

        Raises:
            DataError: there is none.
            DarkroomError: a model server did not follow; then the labels are as they were.
        """
        return self._labelling.change(
            "rollback", STABLE, lambda labels: rolled_back(labels, self.versions(), self.history()), why
        )

    def unlabel(self, label: str, *, why: str | None = None) -> Change:
        """Takes a label away. Without any label the newest version answers, as before the first promotion.

        Raises:
            DataError: no version has it, or other versions are labelled and it is `stable`.
            DarkroomError: a model server did not follow; then the labels are as they were.
        """

        def plan(labels: dict[str, int]) -> dict[str, int]:
            if label not in labels:
                raise DataError(f"No version of {self.model} is labelled {label}")
            if label == STABLE and "canary" in labels:
                raise DataError("Take canary away first: without stable nothing would answer the other requests")
            # What was stable before means nothing without stable.
            gone = {label, "previous"} if label == STABLE else {label}
            return {name: version for name, version in labels.items() if name not in gone}

        return self._labelling.change("unlabel", label, plan, why)

    def prune(
        self, keep: int, *, used: Collection[int] = (), why: str | None = None, dry_run: bool = False
    ) -> list[int]:
        """Deletes the oldest versions.

        Args:
            keep: how many of the newest stay. Besides, whatever has a label, is loaded by a server that is told or
                that follows the model configuration file, or is `used`.
            used: versions that something else names.
            why: for the log.
            dry_run: deletes nothing.

        Returns:
            The versions that were (or would be) deleted.

        Raises:
            ConfigurationError: `keep` is less than 1.
            DarkroomError: a model server can't be asked what it serves.
        """
        if keep < 1:
            raise ConfigurationError(f"keep must be at least 1, since the newest version always stays, not {keep}")
        with self._storage.lock(LOCK_FILE, LOCK_SECONDS):
            versions = self.versions()
            kept = {*versions[-keep:], *self.labels().values(), *self.loaded(), *used}
            with self._servers as servers:
                kept |= servers.loaded(self.model)
            gone = [version for version in versions if version not in kept]
            for version in gone if not dry_run else ():
                self._audit.add("prune", self.model, before=version, why=why, outcome=BEGUN)
                self._storage.remove_version(f"{self.model}/{version}")
                self._audit.add("prune", self.model, before=version, why=why)
            return gone

    def record_push(self, version: int, *, why: str | None = None) -> None:
        """Writes a push into the log, and the model into the model configuration file.

        Raises:
            OSError: the repository can't be written.
        """
        with self._storage.lock(LOCK_FILE, _PUSH_LOCK_SECONDS):
            self._audit.add("push", self.model, after=version, why=why)
            config = read_config(self._storage)
            before = config.SerializeToString(deterministic=True)
            list_models(config, self._storage, {self.model}, self._served_path)
            if config.SerializeToString(deterministic=True) != before:
                write_config(self._storage, config)

    def _check_exists(self, version: int) -> None:
        versions = self.versions()
        if version not in versions:
            there = f"it has {', '.join(map(str, versions))}" if versions else "it has none"
            raise DataError(f"{self.model} has no version {version} in {self._storage.location}; {there}")
