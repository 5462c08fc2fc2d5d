"""How labels are moved: one change at a time, logged before it begins, followed by running model servers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from darkroom.errors import DarkroomError
from serving.model_repository.audit_log import BEGUN, DONE, FAILED, AuditLog
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

# A change waits for another one that is under way, such as one whose version takes long to load.
LOCK_SECONDS = 60.0

Action = Literal["promote", "rollback", "unlabel"]


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
    labels: dict[str, int]
    told: tuple[str, ...]


class Labelling:
    """Moves the labels of one model. Changes exclude each other by a lock."""

    def __init__(
        self,
        storage: Storage,
        model: str,
        audit: AuditLog,
        *,
        servers: ModelServers,
        served_path: str | None,
        load_seconds: float,
    ) -> None:
        """Takes what `ModelVersions` does, and its log."""
        self._storage = storage
        self._model = model
        self._audit = audit
        self._servers = servers
        self._served_path = served_path
        self._load_seconds = load_seconds

    def change(
        self,
        action: Action,
        label: str,
        plan: Callable[[dict[str, int]], dict[str, int]],
        why: str | None,
    ) -> Change:
        """Moves labels, and lets the model servers follow.

        Args:
            action: for the log.
            label: that it is about.
            plan: from the labels that stand to those that shall.
            why: for the log.

        Raises:
            DataError: that of `plan`.
            DarkroomError: a model server did not follow; then the labels are as they were.
        """
        with self._storage.lock(LOCK_FILE, LOCK_SECONDS), self._servers as servers:
            config = read_config(self._storage)
            list_models(config, self._storage, {self._model}, self._served_path)
            labels = labels_of(config, self._model)
            wanted = plan(labels)
            change = Change(label, labels.get(label), wanted.get(label), wanted, servers.addresses)
            with self._audited(action, change, why):
                self._apply(config, wanted, servers)
            return change

    @contextmanager
    def _audited(self, action: Action, change: Change, why: str | None) -> Iterator[None]:
        facts: dict[str, Any] = {
            "label": change.label,
            "before": change.before,
            "after": change.after,
            "why": why,
            "servers": change.told,
        }
        self._audit.add(action, self._model, **facts, outcome=BEGUN)
        try:
            yield
        except Exception as error:
            self._audit.add(action, self._model, **facts, outcome=FAILED, error=str(error))
            raise
        self._audit.add(action, self._model, **facts, outcome=DONE)

    def _apply(self, config: Any, labels: dict[str, int], servers: ModelServers) -> None:
        """First loads what the labels need, then moves them: servers attach a label only to a version that is loaded.

        The file goes along, so that a server that starts or looks at it meanwhile does the same.
        """
        final = set_model(
            config,
            self._storage,
            self._model,
            labels=labels,
            loaded=set(labels.values()),
            served_path=self._served_path,
        )
        if not servers.addresses:
            write_config(self._storage, final)
            return
        wanted, present = (
            set(labels.values()),
            wanted_versions(config, self._model, complete_versions(self._storage, self._model)),
        )
        beforehand = set_model(
            config,
            self._storage,
            self._model,
            labels=labels_of(config, self._model),
            loaded=present | wanted,
            served_path=self._served_path,
        )
        try:
            write_config(self._storage, beforehand)
            servers.reload(beforehand)
            servers.wait_available(self._model, wanted, self._load_seconds)
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
