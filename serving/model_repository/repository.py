"""A model of a repository with everything that may be done to it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from darkroom.errors import ConfigurationError, DarkroomError, DataError
from serving.model_repository.audit_log import BEGUN, DONE, FAILED, AuditLog, AuditRecord
from serving.model_repository.labels import STABLE, promoted, rolled_back
from serving.model_repository.model_config_file import (
    labels_of,
    list_models,
    read_config,
    set_model,
    wanted_versions,
    write_config,
)
from serving.model_repository.model_servers import ModelServers
from serving.model_repository.storage import Storage, complete_versions

_log = logging.getLogger(__name__)

LOCK_FILE = ".models.lock"

_DESCRIPTION = "assets.extra/darkroom.json"

# A change waits for another one that is under way, such as one whose version takes long to load.
_LOCK_SECONDS = 60.0
# A model that is pushed already waits longer, rather than let the run fail behind it.
_PUSH_LOCK_SECONDS = 900.0

_Labels = dict[str, int]


@dataclass(frozen=True, slots=True)
class Change:
    """What a command did to the labels.

    Attributes:
        label: that was moved, or taken away.
        before, after: the version it stands for; None for none.
        labels: all labels now.
        told: the addresses of the model servers that follow already.
    """

    label: str
    before: int | None
    after: int | None
    labels: _Labels
    told: tuple[str, ...]


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
        server_addresses: Collection[str] = (),
        load_seconds: float = 300.0,
    ) -> None:
        """Nothing is read yet.

        Args:
            storage: of the repository.
            model: its name.
            served_path: where model servers see the repository; None is where it is.
            server_addresses: running model servers that are told of changes.
            load_seconds: how long they may take to load a version.
        """
        self._storage = storage
        self._served_path = served_path
        self._server_addresses = tuple(server_addresses)
        self._load_seconds = load_seconds
        self._audit = AuditLog(storage)
        self.model = model

    def versions(self) -> list[int]:
        """The versions that can be loaded, ascending."""
        return complete_versions(self._storage, self.model)

    def labels(self) -> _Labels:
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

        def plan(labels: _Labels) -> _Labels:
            found = version if version is not None else max(self.versions(), default=None)
            if found is None:
                raise DataError(f"{self.model} has no version in {self._storage.location}")
            self._check_exists(found)
            return promoted(labels, found, label, keep_previous=keep_previous)

        return self._change("promote", label, plan, why)

    def rollback(self, *, why: str | None = None) -> Change:
        """Lets stable stand for the version before (see `labels.rolled_back`).

        Raises:
            DataError: there is none.
            DarkroomError: a model server did not follow; then the labels are as they were.
        """
        return self._change(
            "rollback", STABLE, lambda labels: rolled_back(labels, self.versions(), self.history()), why
        )

    def unlabel(self, label: str, *, why: str | None = None) -> Change:
        """Takes a label away. Without any label the newest version answers, as before the first promotion.

        Raises:
            DataError: no version has it, or other versions are labelled and it is `stable`.
            DarkroomError: a model server did not follow; then the labels are as they were.
        """

        def plan(labels: _Labels) -> _Labels:
            if label not in labels:
                raise DataError(f"No version of {self.model} is labelled {label}")
            if label == STABLE and "canary" in labels:
                raise DataError("Take canary away first: without stable nothing would answer the other requests")
            # What was stable before means nothing without stable.
            gone = {label, "previous"} if label == STABLE else {label}
            return {name: version for name, version in labels.items() if name not in gone}

        return self._change("unlabel", label, plan, why)

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
        with self._storage.lock(LOCK_FILE, _LOCK_SECONDS):
            versions = self.versions()
            kept = {*versions[-keep:], *self.labels().values(), *self.loaded(), *used}
            if self._server_addresses:
                with ModelServers(self._server_addresses) as servers:
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

    def _change(
        self,
        action: Literal["promote", "rollback", "unlabel"],
        label: str,
        plan: Callable[[_Labels], _Labels],
        why: str | None,
    ) -> Change:
        with self._storage.lock(LOCK_FILE, _LOCK_SECONDS), ModelServers(self._server_addresses) as servers:
            config = read_config(self._storage)
            list_models(config, self._storage, {self.model}, self._served_path)
            labels = labels_of(config, self.model)
            wanted = plan(labels)
            change = Change(label, labels.get(label), wanted.get(label), wanted, servers.addresses)
            with self._audited(action, change, why):
                self._apply(config, wanted, servers)
            return change

    @contextmanager
    def _audited(
        self, action: Literal["promote", "rollback", "unlabel"], change: Change, why: str | None
    ) -> Iterator[None]:
        facts: dict[str, Any] = {
            "label": change.label,
            "before": change.before,
            "after": change.after,
            "why": why,
            "servers": change.told,
        }
        self._audit.add(action, self.model, **facts, outcome=BEGUN)
        try:
            yield
        except Exception as error:
            self._audit.add(action, self.model, **facts, outcome=FAILED, error=str(error))
            raise
        self._audit.add(action, self.model, **facts, outcome=DONE)

    def _apply(self, config: Any, labels: _Labels, servers: ModelServers) -> None:
        """First loads what the labels need, then moves them: servers attach a label only to a version that is loaded.

        The file goes along, so that a server that starts or looks at it meanwhile does the same.
        """
        final = set_model(
            config,
            self._storage,
            self.model,
            labels=labels,
            loaded=set(labels.values()),
            served_path=self._served_path,
        )
        if not servers.addresses:
            write_config(self._storage, final)
            return
        wanted, present = set(labels.values()), wanted_versions(config, self.model, self.versions())
        beforehand = set_model(
            config,
            self._storage,
            self.model,
            labels=labels_of(config, self.model),
            loaded=present | wanted,
            served_path=self._served_path,
        )
        try:
            write_config(self._storage, beforehand)
            servers.reload(beforehand)
            servers.wait_available(self.model, wanted, self._load_seconds)
        except BaseException:
            self._take_back(config, servers)
            raise
        write_config(self._storage, final)
        try:
            servers.reload(final)
        except DarkroomError as error:
            raise DarkroomError(
                f"{error}\nThe other servers and the model configuration file follow already: do it again when this "
                "server can be asked"
            ) from error

    def _take_back(self, config: Any, servers: ModelServers) -> None:
        write_config(self._storage, config)
        try:
            servers.reload(config)
        except DarkroomError as error:
            # What made the change fail is the error that the user gets.
            _log.warning("A version may stay loaded beside the others: %s", error)

    def _check_exists(self, version: int) -> None:
        versions = self.versions()
        if version not in versions:
            there = f"it has {', '.join(map(str, versions))}" if versions else "it has none"
            raise DataError(f"{self.model} has no version {version} in {self._storage.location}; {there}")
