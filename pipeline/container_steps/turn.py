"""Whose turn it is: no two runs of one model at once, whatever started them.

A file under the pipeline's root names the run that is under way. The first step takes it, the last one, which comes
whatever happened, gives it back. One that nobody gave back, because a cluster went down, counts for a day.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

from darkroom.configuration import DarkroomConfig
from pipeline.artifact_files import read_text_if_there, write_text

LONGEST_RUN_SECONDS = 24 * 3600.0


def take_turn(config: DarkroomConfig, run_id: str) -> str | None:
    """Takes the turn for a run, which may have it already.

    Returns:
        The id of the run that has it instead; None when it is taken.
    """
    uri = _uri(config)
    holder = _holder(uri)
    if holder is not None and holder["run_id"] != run_id and time.time() - holder["taken"] < LONGEST_RUN_SECONDS:
        return str(holder["run_id"])
    text = json.dumps({"run_id": run_id, "taken": time.time()})
    if "://" in uri:
        # Object stores have no exclusive creation that TensorFlow's file systems offer: the last writer has it.
        write_text(uri, text)
    else:
        _create(Path(uri), text, replaces=holder is not None)
    now = _holder(uri)
    return None if now is None or now["run_id"] == run_id else str(now["run_id"])


def give_back(config: DarkroomConfig, run_id: str) -> None:
    """Gives the turn back, if this run has it."""
    uri = _uri(config)
    holder = _holder(uri)
    if holder is None or holder["run_id"] != run_id:
        return
    if "://" in uri:
        write_text(uri, "")
    else:
        Path(uri).unlink(missing_ok=True)


def _create(path: Path, text: str, *, replaces: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if replaces:
        path.unlink(missing_ok=True)
    # Processes in different pods may have the same number.
    own = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    own.write_text(text, encoding="utf-8")
    # A link is made whole or not at all, and not over another one; the caller reads whose is there.
    with contextlib.suppress(FileExistsError):
        os.link(own, path)
    own.unlink()


def _holder(uri: str) -> dict[str, Any] | None:
    text = read_text_if_there(uri)
    if not text:
        return None
    found: dict[str, Any] = json.loads(text)
    return found


def _uri(config: DarkroomConfig) -> str:
    return f"{config.pipeline_root.rstrip('/')}/under_way-{config.pipeline_name}.json"
