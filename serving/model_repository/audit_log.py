"""Who changed what in a model repository, when and why: JSON Lines to which lines are only added."""

from __future__ import annotations

import getpass
import json
import logging
import socket
from datetime import UTC, datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from serving.model_repository.storage import Storage

_log = logging.getLogger(__name__)

AUDIT_FILE = "models.log.jsonl"

Action = Literal["push", "promote", "rollback", "unlabel", "prune"]

# A change is written down before it begins and when it has ended, so that none goes unseen whatever breaks.
BEGUN: Final = "begun"
DONE: Final = "done"
FAILED: Final = "failed"


class AuditRecord(BaseModel):
    """One line.

    Attributes:
        time: in UTC, ISO 8601.
        who: user and host.
        action: what was done.
        model: to which model.
        label: the label that was moved.
        before: the version that the label stood for, or that was deleted; `from` in the file.
        after: the version that the label stands for, or that was pushed; `to` in the file.
        why: the reason that was given.
        servers: the model servers that were told.
        outcome: `begun`, `done`, or `failed`.
        error: why it failed.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    time: str
    who: str
    action: Action
    model: str
    label: str | None = None
    before: int | None = Field(default=None, alias="from")
    after: int | None = Field(default=None, alias="to")
    why: str | None = None
    servers: tuple[str, ...] = ()
    outcome: Literal["begun", "done", "failed"] = DONE
    error: str | None = None


class AuditLog:
    """The log of one repository."""

    def __init__(self, storage: Storage) -> None:
        """Nothing is written yet."""
        self._storage = storage

    def add(
        self,
        action: Action,
        model: str,
        *,
        label: str | None = None,
        before: int | None = None,
        after: int | None = None,
        why: str | None = None,
        servers: tuple[str, ...] = (),
        outcome: Literal["begun", "done", "failed"] = DONE,
        error: str | None = None,
    ) -> None:
        """Writes a record, and returns when it is durable.

        Raises:
            OSError: it cannot be written.
        """
        facts = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "who": _who(),
            "action": action,
            "model": model,
            "label": label,
            "from": before,
            "to": after,
            "why": why,
            "servers": servers,
            "outcome": outcome,
            "error": error,
        }
        record = AuditRecord.model_validate(facts)
        line = json.dumps(record.model_dump(mode="json", by_alias=True, exclude_none=True), ensure_ascii=False)
        self._storage.append(AUDIT_FILE, line.encode())

    def records(self, model: str) -> list[AuditRecord]:
        """What was done to a model, oldest first. A line that a crash has torn is said in the process's log."""
        found = []
        for number, line in enumerate(self._storage.records(AUDIT_FILE), 1):
            if not line.strip():
                continue
            try:
                record = AuditRecord.model_validate_json(line)
            except ValidationError:
                _log.warning("Record %d of %s in %s is torn", number, AUDIT_FILE, self._storage.location)
                continue
            if record.model == model:
                found.append(record)
        return found


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
